import { renderInvite } from '../../api/pages/invite-page';
import { renderOutcome, outcomeStatus } from '../../api/pages/outcome-page';
import { progressAnswer, renderProgress } from '../../api/pages/progress-page';
import { locales } from '../../src/platform/locale';
import { inputForm, inviteView, pageContext, progressView, stepsAt, token } from './builders';
import { gallery, hostileName, outcomeViews } from './gallery';

const everyPage = gallery.flatMap(({ name, render }) =>
  locales.map((locale) => [name, locale, render(pageContext({ locale }))] as const),
);

describe.each(everyPage)('%s in %s', (_name, locale, page) => {
  it('is a whole document in its language, kept out of search engines and referrers', () => {
    expect(page).toMatch(new RegExp(`^<!doctype html>\\s*<html lang="${locale}"`));
    expect(page).toMatch(/<title>[^<]+ · Usher<\/title>/);
    expect(page).toContain('<meta name="robots" content="noindex, nofollow" />');
    expect(page).toContain('<meta name="referrer" content="no-referrer" />');
  });

  it('runs no inline script or style, and loads only assets of its own with the nonce', () => {
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=["']|javascript:/i);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toMatch(/<script src="\/assets\/usher\.[\w-]+\.js" nonce="bm9uY2U" defer>/);
    const loaded = [...page.matchAll(/<(?:link|script|img|iframe)[^>]*(?:href|src)="([^"]*)"/g)];
    for (const [, address] of loaded) expect(address).toMatch(/^\/assets\/usher\./);
  });

  it('offers each language at its own path', () => {
    for (const lang of locales) expect(page).toMatch(new RegExp(`href="/[^"]+\\?lang=${lang}"`));
    expect(page.match(/aria-current="true"/g)).toHaveLength(1);
  });

  it('posts only to Usher, with the signed token', () => {
    for (const [form] of page.matchAll(/<form[^>]*>[^]*?<\/form>/g)) {
      expect(form).toMatch(
        /method="post"\s+action="\/(?:(?:invite|login|onboarding)\/|sign-(?:in|out)")/,
      );
      expect(form).toContain('<input type="hidden" name="form_token" value="signed-form-token" />');
    }
  });

  it('leaves no hole in its words', () => {
    expect(page).not.toMatch(/undefined|null|NaN|\[object|\$\{/);
  });
});

describe('the invite page', () => {
  it('says who invites whom to what, and until when with the time and its zone', () => {
    const page = renderInvite(inviteView(), pageContext());
    for (const fact of ['Anna Berg', 'Nordlicht Handel GmbH', 'm•••••@nordlicht.example']) {
      expect(page).toContain(`<bdi>${fact}</bdi>`);
    }
    expect(page).toMatch(
      /<time datetime="2026-11-28T14:05:00.000Z"\s*>28 November 2026, 14:05 \(UTC\)<\/time/,
    );
  });

  it('asks for name, password and terms, and lets a mail link stand for the password', () => {
    const page = renderInvite(inviteView(), pageContext());
    expect(page).toMatch(/name="name"[^>]*autocomplete="name"/);
    expect(page).toMatch(/name="password"[^>]*autocomplete="new-password"/);
    expect(page).toContain('At least 15 characters');
    expect(page).toMatch(/type="checkbox"[^>]*name="accept_terms" value="true"/);
    expect(page).toContain('name="sign_in" value="password" checked');
    expect(page).toContain('name="sign_in" value="link"');
    expect(page).toMatch(/name="action" value="accept"/);
    expect(page).toMatch(/name="action" value="decline"/);
    expect(page).toContain(`action="/invite/${token}"`);
  });

  it('asks the holder of an account for its own password or provider, never for a new password', () => {
    const account = {
      kind: 'existing' as const,
      hasPassword: true,
      loginLink: false,
      sso: [{ name: 'Example ID', url: '/auth/oidc/example' }],
    };
    const page = renderInvite(inviteView({ account }), pageContext());
    expect(page).toContain('autocomplete="current-password"');
    expect(page).toContain('href="/auth/oidc/example"');
    expect(page).not.toMatch(/new-password|name="name"|name="sign_in"|value="login-link"/);
  });

  it('asks a person who is signed in for the terms only', () => {
    const page = renderInvite(inviteView({ account: { kind: 'signed-in' } }), pageContext());
    expect(page).not.toMatch(/name="password"|name="name"/);
    expect(page).toContain('name="accept_terms"');
  });

  it('says what is wrong in a summary and beside the field, and keeps what was typed', () => {
    const values = {
      name: 'Mara "M" Lund',
      signIn: 'link' as const,
      acceptTerms: true,
      reason: '',
    };
    const errors = [{ field: 'password' as const, code: 'password-common' as const }];
    const page = renderInvite(inviteView({ values, errors }), pageContext());
    expect(page).toMatch(/<title>Error: /);
    expect(page).toMatch(/role="alert"\s+tabindex="-1"\s+autofocus/);
    expect(page).toContain('<a href="#password">This password is widely known');
    expect(page).toMatch(/id="password"[^>]*aria-describedby="password-hint password-error"/);
    expect(page).toMatch(/id="password"[^>]*aria-invalid="true"/);
    expect(page).toContain('value="Mara &quot;M&quot; Lund"');
    expect(page).toMatch(/value="link" checked/);
    expect(page).toMatch(/name="accept_terms" value="true" checked/);
  });

  it('never gives a password back', () => {
    const page = renderInvite(inviteView(), pageContext());
    expect(page).not.toMatch(/<input[^>]*type="password"[^>]*\svalue=/);
  });

  it('keeps hostile names and addresses inert', () => {
    const { render } = gallery.find(({ name }) => name === 'invite-hostile')!;
    const page = render(pageContext());
    expect(page).toContain('&lt;script&gt;alert(1)');
    expect(page).not.toMatch(/alert\(1\)<\/script>|\u202e|javascript:/);
    expect(/<h1>([^]*?)<\/h1>/.exec(page)![1]).not.toContain('W'.repeat(80));
    expect(page).toContain('href="#"');
  });

  it('puts a token into its addresses in encoded form only', () => {
    const page = renderInvite(inviteView({ token: '"><b>/../x' }), pageContext());
    expect(page).toContain('action="/invite/%22%3E%3Cb%3E%2F..%2Fx"');
  });
});

describe('the progress page', () => {
  it('shows five steps and marks the one that is being worked on', () => {
    const page = renderProgress(progressView(), pageContext());
    expect(page.match(/class="step-name"/g)).toHaveLength(5);
    expect(page).toMatch(/<li class="current" aria-current="step">/);
  });

  it('asks for the token alone, or for the workspace as well', () => {
    const waiting = { situation: { kind: 'waiting' as const } };
    const one = renderProgress(progressView({ ...waiting, form: inputForm() }), pageContext());
    expect(one).toContain('name="wb_token"');
    expect(one).not.toContain('name="spreadsheet_id"');
    const form = inputForm({ needs: ['workspace', 'token'] });
    const both = renderProgress(progressView({ ...waiting, form }), pageContext());
    for (const field of ['wb_token', 'spreadsheet_id', 'owner_email']) {
      expect(both).toContain(`name="${field}"`);
    }
    expect(both).toContain('action="/onboarding/progress"');
  });

  it('never gives a token back', () => {
    const errors = [{ field: 'wb_token' as const, code: 'token-rejected' as const }];
    const page = renderProgress(progressView({ form: inputForm({ errors }) }), pageContext());
    expect(page).toMatch(/id="wb_token"[^>]*aria-invalid="true"/);
    expect(page).not.toMatch(/id="wb_token"[^>]*\svalue=/);
  });

  it('loads itself again without scripts while it works, but never under a form', () => {
    const refresh = /<noscript\s*><meta http-equiv="refresh" content="15"/;
    expect(renderProgress(progressView(), pageContext())).toMatch(refresh);
    expect(renderProgress(progressView({ situation: { kind: 'parked' } }), pageContext())).toMatch(
      refresh,
    );
    expect(renderProgress(progressView({ form: inputForm() }), pageContext())).not.toMatch(
      /http-equiv/,
    );
    const active = progressView({ situation: { kind: 'active', next: {} } });
    expect(renderProgress(active, pageContext())).not.toMatch(/http-equiv/);
  });

  it('changes its revision with what is shown, and only then', () => {
    const { revision } = progressAnswer(progressView());
    const later = progressView({ steps: stepsAt('token', 'current') });
    const asking = progressView({ form: inputForm() });
    expect(progressAnswer(progressView({ tenantName: 'X' })).revision).toBe(revision);
    expect(progressAnswer(later).revision).not.toBe(revision);
    expect(progressAnswer(asking).revision).not.toBe(revision);
    expect(renderProgress(progressView(), pageContext())).toContain(`data-revision="${revision}"`);
  });

  it.each(['active', 'cancelled', 'rolled-back'] as const)('is final when %s', (kind) => {
    const situation = kind === 'active' ? { kind, next: {} } : { kind };
    expect(progressAnswer(progressView({ situation })).final).toBe(true);
  });
});

describe('outcome pages', () => {
  it.each([
    ['invite-not-found', 404],
    ['already-used', 409],
    ['tenant-not-open', 409],
    ['expired', 410],
    ['revoked', 410],
    ['superseded', 410],
    ['too-many-tries', 429],
    ['invalid-form', 403],
    ['session-needed', 401],
    ['declined', 200],
  ] as const)('%s is sent with %i', (kind, status) => {
    expect(outcomeStatus(outcomeViews[kind])).toBe(status);
  });

  it.each(['expired', 'revoked', 'superseded'] as const)('%s offers a new link', (kind) => {
    const page = renderOutcome(outcomeViews[kind], pageContext());
    expect(page).toContain(`action="/invite/${token}"`);
    expect(page).toContain('name="action" value="request-new-link"');
    expect(renderOutcome({ ...outcomeViews[kind], newLink: null }, pageContext())).not.toContain(
      '<form',
    );
  });

  it('names the minutes until the next try', () => {
    const retry = (retryAfterSeconds: number, locale: 'en' | 'de' | 'ru') =>
      renderOutcome({ kind: 'too-many-tries', retryAfterSeconds }, pageContext({ locale }));
    expect(retry(30, 'en')).toContain('in less than a minute');
    expect(retry(60, 'en')).toContain('in 1 minute.');
    expect(retry(61, 'de')).toContain('in 2 Minuten');
    expect(retry(290, 'ru')).toContain('через 5 минут.');
  });

  it('gives a problem its status and its request id, and nothing of its cause', () => {
    const view = { ...outcomeViews.problem, status: 503 };
    expect(outcomeStatus(view)).toBe(503);
    expect(renderOutcome(view, pageContext())).toContain(view.requestId);
  });

  it('keeps hostile names inert', () => {
    const page = renderOutcome({ kind: 'declined', tenantName: hostileName }, pageContext());
    expect(page).toContain('&lt;script&gt;');
  });
});
