import { DomainError } from '../../src/errors/problems';
import type { Caller, UserCaller } from '../../src/domain/identity/callers';
import { describePerson } from '../../src/domain/identity/me';
import { newestOnboardingOf, readOwnProgress } from '../../src/domain/onboarding/own-progress';
import type { OwnProgress } from '../../src/domain/onboarding/own-progress';
import { provideInputs } from '../../src/domain/onboarding/provide';
import { withSystem, withTenant } from '../../src/platform/db';
import type { BackCookie } from './back-cookie';
import type { FormTokens } from './form-tokens';
import type { PageDeps } from './page-deps';
import { readProgressForm } from './progress-form';
import type { ProgressForm } from './progress-form';
import { progressAnswer, renderProgress } from './progress-page';
import type { ProgressAnswer } from './progress-page';
import { progressView } from './progress-view';
import { outcome, refuseForeign } from './serving';
import type { Page, PageHandler, Visit } from './serving';
import { signedInPage } from './signed-in';
import type { InputField, ProgressView } from './views';

type Deps = PageDeps & { readonly forms: FormTokens; readonly back: BackCookie };

/** The page at `/onboarding/progress`, its form, and its state as data. */
export interface ProgressPages {
  readonly show: PageHandler;
  readonly send: PageHandler;
  /** @throws DomainError `unauthenticated` once the cookie is gone */
  readonly standing: (visit: Visit) => Promise<ProgressAnswer>;
}

/** Whose onboarding a page shows. */
interface Owner {
  readonly onboardingId: string;
  readonly tenantId: string;
  readonly userId: string;
}

const address = '/onboarding/progress';

/** What a visitor may see: who they are, and their own onboarding when there is one. */
interface Sight {
  readonly caller: Caller;
  readonly own: { readonly owner: Owner; readonly progress: OwnProgress } | undefined;
}

/** Builds the progress pages. */
export function createProgressPages(deps: Deps): ProgressPages {
  const { forms } = deps;
  const sessionNeeded = (): Page => outcome({ kind: 'session-needed', signInUrl: '/sign-in' });
  const view = (
    { caller }: Sight,
    progress: OwnProgress,
    form: { readonly formToken: string; readonly sent?: ProgressForm },
  ): ProgressView =>
    progressView(progress, {
      ...form,
      supportEmail: deps.supportEmail,
      signedIn: caller.kind === 'user',
    });
  const page = (progress: OwnProgress, shown: ProgressView, status: number): Page => ({
    status,
    render: (context) => renderProgress(shown, context),
    locale: progress.facts.invite.locale,
  });

  const show: PageHandler = async (visit) => {
    const sight = await look(deps, visit);
    const { caller, own } = sight;
    const back = caller.kind === 'user' ? deps.back.read(visit.cookies) : undefined;
    if (back !== undefined) return { location: back, cookies: [deps.back.forget()] };
    if (own) {
      const formToken = forms.issue('progress', own.owner.onboardingId);
      return page(own.progress, view(sight, own.progress, { formToken }), 200);
    }
    return caller.kind === 'user' ? signedIn(deps, caller) : sessionNeeded();
  };

  const send: PageHandler = async (visit) => {
    refuseForeign(visit, deps.config.PUBLIC_URL);
    const sight = await look(deps, visit);
    if (!sight.own) return sessionNeeded();
    const { owner, progress } = sight.own;
    const formToken = visit.field('form_token');
    if (!forms.check('progress', owner.onboardingId, formToken)) {
      return outcome({ kind: 'invalid-form', backUrl: address });
    }
    const sent = await store(deps, owner, progress, readProgressForm(visit));
    if (sent.errors.length === 0) return { location: address };
    return page(progress, view(sight, progress, { formToken, sent }), 422);
  };

  const standing = async (visit: Visit): Promise<ProgressAnswer> => {
    const sight = await look(deps, visit);
    if (!sight.own) throw new DomainError('unauthenticated');
    return progressAnswer(view(sight, sight.own.progress, { formToken: '' }));
  };

  return { show, send, standing };
}

async function look(deps: Deps, visit: Visit): Promise<Sight> {
  const caller = await deps.authenticate(visit.request);
  const owner = await ownerOf(deps, visit, caller);
  const progress = owner && (await read(deps, owner));
  return { caller, own: owner && progress && { owner, progress } };
}

/**
 * The onboarding cookie names its onboarding. The same person signed in may have accepted a newer one elsewhere;
 * without the cookie a session shows the newest one of its person.
 */
async function ownerOf(
  { db, cookies }: Deps,
  visit: Visit,
  caller: Caller,
): Promise<Owner | undefined> {
  const carried = cookies.read(visit.cookies);
  if (caller.kind !== 'user' || (carried && carried.userId !== caller.userId)) return carried;
  const { userId } = caller;
  const newest = await withSystem(db, 'holder', (tx) => newestOnboardingOf(tx, userId), {
    readOnly: true,
  });
  return newest && { ...newest, userId };
}

function read(deps: Deps, owner: Owner): Promise<OwnProgress | undefined> {
  return withTenant(deps.db, owner.tenantId, (tx) => readOwnProgress(tx, deps, owner), {
    readOnly: true,
    // Several queries that must tell of one moment.
    isolation: 'repeatable read',
  }).catch((error: unknown) => {
    if (error instanceof DomainError && error.code === 'onboarding-not-found') return undefined;
    throw error;
  });
}

/**
 * Stores what was sent, and returns what is still wrong with it. A token is never shown again, so that a good one is
 * kept also when something beside it has to be corrected. An onboarding that has ended meanwhile needs nothing.
 */
async function store(
  deps: Deps,
  owner: Owner,
  { facts }: OwnProgress,
  form: ProgressForm,
): Promise<ProgressForm> {
  const { wbToken } = form.inputs;
  const keepsToken = form.errors.length > 0 && wbToken !== undefined;
  if (form.errors.length > 0 && !keepsToken) return form;
  const inputs = keepsToken ? { wbToken } : form.inputs;
  try {
    await withTenant(deps.db, owner.tenantId, (tx) =>
      provideInputs(tx, deps, owner.onboardingId, inputs, `user:${owner.userId}`),
    );
    return keepsToken ? { ...form, needs: form.needs.filter((need) => need !== 'token') } : form;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.code === 'order-not-possible') return { ...form, errors: [] };
    if (error.code !== 'step-completed') throw error;
    const differing: readonly (readonly [InputField, boolean])[] = [
      ['spreadsheet_id', differs(inputs.spreadsheetId, facts.spreadsheetId)],
      ['owner_email', differs(inputs.ownerEmail, facts.ownerEmail)],
      ['wb_token', true],
    ];
    const field = differing.find(([, changed]) => changed)?.[0] ?? 'wb_token';
    return { ...form, errors: [{ field, code: 'already-stored' }] };
  }
}

function differs(sent: string | undefined, stored: string | null): boolean {
  return sent !== undefined && sent !== stored;
}

async function signedIn(deps: Deps, caller: UserCaller): Promise<Page> {
  const onward = deps.landing(caller.surface);
  const person = await describePerson(deps.db, caller);
  return signedInPage(deps, person, onward === address ? null : onward);
}
