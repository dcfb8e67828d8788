import type { ShownStatus } from '../../src/domain/onboarding/jobs.rules';
import type { OwnProgress } from '../../src/domain/onboarding/own-progress';
import { stepKeys } from './views';
import type { InputForm, ProgressSituation, ProgressView, StepKey, StepState } from './views';

const shown: Readonly<Record<ShownStatus, StepState>> = {
  done: 'done',
  skipped: 'done',
  current: 'current',
  waiting: 'waiting',
  parked: 'parked',
  pending: 'upcoming',
  undone: 'upcoming',
};

/** The progress page of an onboarding as its rows stand. */
export function progressView(
  progress: OwnProgress,
  page: {
    readonly supportEmail: string | null;
    readonly formToken: string;
    /** Who has a session needs no way to one. */
    readonly signedIn: boolean;
    /** What was sent and is wrong; nothing when the page is only looked at. */
    readonly sent?: Pick<InputForm, 'needs' | 'values' | 'errors'>;
  },
): ProgressView {
  const { facts } = progress;
  const needs = page.sent?.needs ?? needsOf(progress);
  return {
    tenantName: facts.tenantName,
    steps: stepsOf(progress),
    situation: situationOf(progress, page.signedIn),
    supportEmail: page.supportEmail,
    form:
      needs.length === 0
        ? null
        : {
            formToken: page.formToken,
            needs,
            values: page.sent?.values ?? {
              spreadsheetId: facts.spreadsheetId ?? '',
              ownerEmail: facts.ownerEmail ?? facts.invite.email,
            },
            errors: page.sent?.errors ?? [],
          },
  };
}

function needsOf({ missing }: OwnProgress): InputForm['needs'] {
  return missing.map((name) => (name === 'spreadsheet_id' ? 'workspace' : 'token'));
}

function situationOf(
  { facts, waitsForCustomer }: OwnProgress,
  signedIn: boolean,
): ProgressSituation {
  switch (facts.state) {
    case 'active':
      return { kind: 'active', next: signedIn ? {} : { signInUrl: '/sign-in' } };
    case 'cancelled':
      return { kind: 'cancelled' };
    case 'rolled_back':
      return { kind: 'rolled-back' };
    case 'failed':
      return { kind: 'parked' };
    default:
      return { kind: waitsForCustomer ? 'waiting' : 'working' };
  }
}

// Between an accept and the workflow's first look nobody has noted yet that the customer is waited for.
function stepsOf({ steps, waitsForCustomer, facts }: OwnProgress): Record<StepKey, StepState> {
  const entries = stepKeys.map((key): [StepKey, StepState] => {
    const state = shown[steps[key]];
    const moves = state === 'current' || state === 'waiting';
    if (!moves || facts.state === 'failed') return [key, state];
    return [key, waitsForCustomer ? 'waiting' : 'current'];
  });
  return Object.fromEntries(entries) as Record<StepKey, StepState>;
}
