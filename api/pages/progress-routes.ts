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

/** Builds the progress pages. */
export function createProgressPages(deps: Deps): ProgressPages {
  const { forms, supportEmail } = deps;
  const tokenFor = ({ onboardingId }: Owner): string => forms.issue('progress', onboardingId);
  const page = (progress: OwnProgress, view: ProgressView, status: number): Page => ({
    status,
    render: (context) => renderProgress(view, context),
    locale: progress.facts.invite.locale,
  });

  const show: PageHandler = async (visit) => {
    const caller = await deps.authenticate(visit.request);
    const back = caller.kind === 'user' ? deps.back.read(visit.cookies) : undefined;
    if (back !== undefined) return { location: back, cookies: [deps.back.forget()] };
    const owner = await ownerOf(deps, visit, caller);
    const progress = owner && (await read(deps, owner));
    if (owner && progress) {
      const formToken = tokenFor(owner);
      return page(progress, progressView(progress, { supportEmail, formToken }), 200);
    }
    if (caller.kind === 'user') return signedIn(deps, caller);
    return outcome({ kind: 'session-needed', signInUrl: '/sign-in' });
  };

  const send: PageHandler = async (visit) => {
    refuseForeign(visit, deps.config.PUBLIC_URL);
    const caller = await deps.authenticate(visit.request);
    const owner = await ownerOf(deps, visit, caller);
    const progress = owner && (await read(deps, owner));
    if (!owner || !progress) return outcome({ kind: 'session-needed', signInUrl: '/sign-in' });
    const formToken = visit.field('form_token');
    if (!forms.check('progress', owner.onboardingId, formToken)) {
      return outcome({ kind: 'invalid-form', backUrl: address });
    }
    const form = readProgressForm(visit);
    const errors = form.errors.length > 0 ? form.errors : await store(deps, owner, progress, form);
    if (errors.length === 0) return { location: address };
    const sent = { ...form, errors };
    return page(progress, progressView(progress, { supportEmail, formToken, sent }), 422);
  };

  const standing = async (visit: Visit): Promise<ProgressAnswer> => {
    const caller = await deps.authenticate(visit.request);
    const owner = await ownerOf(deps, visit, caller);
    const progress = owner && (await read(deps, owner));
    if (!progress) throw new DomainError('unauthenticated');
    return progressAnswer(progressView(progress, { supportEmail, formToken: '' }));
  };

  return { show, send, standing };
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

/** Stores what was sent; an onboarding that has ended meanwhile needs nothing any more. */
async function store(
  deps: Deps,
  { onboardingId, tenantId, userId }: Owner,
  { facts }: OwnProgress,
  { inputs }: ProgressForm,
): Promise<ProgressForm['errors']> {
  try {
    await withTenant(deps.db, tenantId, (tx) =>
      provideInputs(tx, deps, onboardingId, inputs, `user:${userId}`),
    );
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.code === 'order-not-possible') return [];
    if (error.code !== 'step-completed') throw error;
    const others: readonly (readonly [InputField, boolean])[] = [
      [
        'spreadsheet_id',
        inputs.spreadsheetId !== undefined && inputs.spreadsheetId !== facts.spreadsheetId,
      ],
      ['owner_email', inputs.ownerEmail !== undefined && inputs.ownerEmail !== facts.ownerEmail],
      ['wb_token', inputs.wbToken !== undefined],
    ];
    const field = others.find(([, differs]) => differs)?.[0] ?? 'wb_token';
    return [{ field, code: 'already-stored' }];
  }
}

async function signedIn(deps: Deps, caller: UserCaller): Promise<Page> {
  const onward = deps.landing(caller.surface);
  const person = await describePerson(deps.db, caller);
  return signedInPage(deps, person, onward === address ? null : onward);
}
