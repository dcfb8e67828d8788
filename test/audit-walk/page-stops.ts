import { createPageRoutes } from '../../api/pages/routes';
import type { PageDeps } from '../../api/pages/page-deps';
import { createCookies } from '../../api/middleware/cookies';
import type { OwnAction } from '../../src/domain/audit/audit-entries';
import type { TestApp } from '../support/test-app';
import { invite } from '../support/journey';
import { password } from '../support/identity-people';
import { formTokenOf, guestOf } from '../pages/visitor';
import type { Guest, Seen } from '../pages/visitor';
import { fresh } from './world';
import type { World } from './world';

/** A form of a page: what it has to tell the log, and the page with the form, ready to be sent. */
interface PageStop {
  readonly tells: readonly OwnAction[];
  readonly open: (world: World, guest: Guest) => Promise<() => Promise<Seen>>;
}

const answers = { name: 'Mara Lund', sign_in: 'link', password: '', accept_terms: 'true' };

const inviteForm =
  (fields: Record<string, string>, over = {}): PageStop['open'] =>
  async ({ app }, guest) => {
    const invited = { path: `/invite/${(await invite(app, over)).token}` };
    const page = await guest.open(invited);
    return () => guest.send(invited, fields, page);
  };
const signInForm =
  (action: 'password' | 'link'): PageStop['open'] =>
  async ({ person }, guest) => {
    const { email } = await person();
    const form_token = formTokenOf(await guest.get('/sign-in'));
    return () => guest.post('/sign-in', { form_token, action, email, password });
  };

/** The forms of the pages, by method, path and what is chosen on them. */
export const pageStops: Readonly<Record<string, PageStop>> = {
  'POST /invite/:token accept': {
    tells: ['invite.accepted'],
    open: inviteForm({ ...answers, action: 'accept' }),
  },
  'POST /invite/:token decline': {
    tells: ['invite.declined', 'tenant.deleted'],
    open: inviteForm({ action: 'decline' }),
  },
  'POST /invite/:token request-new-link': {
    tells: ['invite.new_link_requested'],
    open: inviteForm({ action: 'request-new-link' }),
  },
  'POST /invite/:token login-link': {
    tells: ['login_link.requested'],
    open: async (world, guest) => {
      const { email } = await world.person();
      return inviteForm({ action: 'login-link' }, { email })(world, guest);
    },
  },
  'POST /onboarding/progress': {
    tells: ['onboarding.input_provided'],
    open: async (world, guest) => {
      const form = { ...answers, action: 'accept' };
      await (
        await inviteForm(form, { workspace: undefined })(world, guest)
      )();
      const form_token = formTokenOf(await guest.get('/onboarding/progress'));
      const fields = { form_token, spreadsheet_id: fresh(), owner_email: 'mara@example.com' };
      return () => guest.post('/onboarding/progress', fields);
    },
  },
  'POST /sign-in password': { tells: ['session.opened'], open: signInForm('password') },
  'POST /sign-in link': { tells: ['login_link.requested'], open: signInForm('link') },
  'POST /sign-out': {
    tells: ['session.ended'],
    open: async (world, guest) => {
      await (
        await signInForm('password')(world, guest)
      )();
      const form_token = formTokenOf(await guest.get('/sign-in'));
      return () => guest.post('/sign-out', { form_token });
    },
  },
};

/** A guest of an app. */
export const newGuest = (app: TestApp): Guest => guestOf(app.url);

/** Method and path of every form that the pages' own router takes. */
export function pageForms(app: TestApp): string[] {
  const router = createPageRoutes({
    formKeys: app.deps.env.COOKIE_SECRET,
    browserCookies: createCookies(app.deps.env),
    config: app.deps.env,
  } as unknown as PageDeps);
  return router.stack.flatMap(({ route }) =>
    route?.stack.some(({ method }) => method === 'post') ? [`POST ${route.path}`] : [],
  );
}
