import express from 'express';
import type { Request, RequestHandler, Router } from 'express';
import { systemClock } from '../../src/platform/clock';
import { sendProblem } from '../middleware/problems';
import { refuseOtherMethods } from '../router';
import { assets } from './assets/assets';
import { createBackCookie } from './back-cookie';
import { createFormTokens } from './form-tokens';
import { createInvitePages } from './invite-routes';
import type { PageDeps } from './page-deps';
import { createProgressPages } from './progress-routes';
import { createServing, outcome, visitOf } from './serving';
import type { PageHandler } from './serving';
import { createSignInPages } from './sign-in-routes';
import { termsUrlOf } from './terms';

/** Largest form that is read. */
const formLimit = '64kb';

/**
 * The pages of customers, in the order in which one meets them. They refuse forms from other sites themselves and
 * answer with pages, so they stand before whatever else judges requests.
 */
export function createPageRoutes(deps: PageDeps): Router {
  const { formKeys: keys, browserCookies, clock = systemClock } = deps;
  const forms = createFormTokens({ keys, clock });
  const back = createBackCookie({ keys, cookie: browserCookies.back, clock });
  const { page, onError } = createServing(deps);
  const invite = createInvitePages({ ...deps, forms, back });
  const progress = createProgressPages({ ...deps, forms, back });
  const signIn = createSignInPages({ ...deps, forms, back });
  const form = express.urlencoded({ limit: formLimit, extended: false });
  const linkNeeded: PageHandler = () => Promise.resolve(outcome({ kind: 'link-needed' }));

  const router = express.Router({ caseSensitive: true });
  router.get('/', page('start', signIn.start));
  router.get('/assets/:name', sendAsset);
  router.get('/terms', page('showTerms', showTerms(deps)));

  router.get('/invite', page('showInvite', linkNeeded));
  router.get('/invite/:token', page('showInvite', invite.show));
  router.post('/invite/:token', form, page('sendInviteForm', invite.send));

  router.get('/onboarding/progress', page('showProgress', progress.show));
  router.post('/onboarding/progress', form, page('sendProgressForm', progress.send));
  router.get('/onboarding/progress.json', async (request, response) => {
    response.locals['operation'] = 'getOwnProgress';
    try {
      const answer = await progress.standing(visitOf(deps, request, response));
      response.set('Cache-Control', 'no-store').json(answer);
    } catch (error) {
      sendProblem(error, request, response, deps.log);
    }
  });

  router.get('/login', page('showLoginPage', linkNeeded));
  router.get('/sign-in', page('showSignIn', signIn.show));
  router.post('/sign-in', form, page('sendSignInForm', signIn.send));
  router.post('/sign-out', form, page('signOut', signIn.signOut));

  router.use(onError);
  // Behind the error pages: who sends other methods is a program, and is told as programs are.
  for (const path of ['/', '/terms', '/invite', '/login', '/onboarding/progress.json']) {
    refuseOtherMethods(router, path, ['GET', 'HEAD']);
  }
  for (const path of ['/invite/:token', '/onboarding/progress', '/sign-in']) {
    refuseOtherMethods(router, path, ['GET', 'HEAD', 'POST']);
  }
  refuseOtherMethods(router, '/sign-out', ['POST']);
  return router;
}

// A file's path changes with its content, so a browser never has to ask for it twice.
const sendAsset: RequestHandler = (request: Request, response, next) => {
  const asset = assets.get(request.path);
  if (!asset) {
    next();
    return;
  }
  response.locals['operation'] = 'getAsset';
  response.set({
    'Content-Type': asset.contentType,
    'Cache-Control': 'public, max-age=31536000, immutable',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
  response.send(asset.body);
};

function showTerms({ config }: PageDeps): PageHandler {
  const published = termsUrlOf(config);
  return () =>
    Promise.resolve(
      published === '/terms'
        ? outcome({ kind: 'terms-unpublished', version: config.TERMS_VERSION })
        : { location: published },
    );
}
