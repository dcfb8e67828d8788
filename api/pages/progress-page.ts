import { createHash } from 'node:crypto';
import { attributes, html, safeUrl, type Html, type HtmlValue } from '../../src/platform/html';
import { oneLine } from '../../src/platform/display-text';
import { icon, type IconName } from './assets/icons';
import { errorSummary, form, inputField } from './fields';
import { layout, mailLink, name } from './layout';
import { messages } from './messages/messages';
import type { Notice } from './messages/shape';
import {
  stepKeys,
  type InputField,
  type InputForm,
  type NextSteps,
  type PageContext,
  type ProgressSituation,
  type ProgressView,
  type StepState,
} from './views';

/** What `/onboarding/progress.json` answers; a page loads itself again when `revision` changed. */
export interface ProgressAnswer {
  revision: string;
  situation: ProgressSituation['kind'];
  steps: ProgressView['steps'];
  /** Nothing changes any more: polling stops. */
  final: boolean;
}

const looks: Readonly<Record<ProgressSituation['kind'], { icon: IconName; seal: string }>> = {
  working: { icon: 'clock', seal: 'seal' },
  waiting: { icon: 'pen', seal: 'seal' },
  parked: { icon: 'care', seal: 'seal seal-amber' },
  active: { icon: 'check', seal: 'seal' },
  cancelled: { icon: 'hand', seal: 'seal seal-amber' },
  'rolled-back': { icon: 'hand', seal: 'seal seal-amber' },
};

const stepIcons: Readonly<Partial<Record<StepState, IconName>>> = {
  done: 'check',
  waiting: 'pen',
  parked: 'care',
};

/** The state of the progress page as data, for the page's own polling. */
export function progressAnswer(view: ProgressView): ProgressAnswer {
  const { steps, situation, form: input } = view;
  const standing = JSON.stringify([stepKeys.map((key) => steps[key]), situation, input?.needs]);
  return {
    revision: createHash('sha256').update(standing).digest('base64url').slice(0, 22),
    situation: situation.kind,
    steps,
    final: ['active', 'cancelled', 'rolled-back'].includes(situation.kind),
  };
}

/** `/onboarding/progress`: the steps, what is going on, and a form for what is still missing. */
export function renderProgress(view: ProgressView, context: PageContext): string {
  const { progress, shell } = messages[context.locale];
  const { revision, final } = progressAnswer(view);
  const title = progress.title(oneLine(view.tenantName));
  const stopped = view.situation.kind === 'cancelled' || view.situation.kind === 'rolled-back';
  const section = attributes({
    class: 'progress',
    'data-progress': true,
    'data-revision': revision,
    'data-final': final,
  });
  const main = html`<p
      class="visually-hidden"
      role="status"
      data-announce="${progress.updated}"
    ></p>
    <div${section}>
      <header class="progress-head">
        <p class="over">${progress.over}</p>
        <h1>${name(view.tenantName)}</h1>
      </header>
      ${panel(view, context)} ${!stopped && rail(view, context)}
    </div>`;
  const failed = (view.form?.errors.length ?? 0) > 0;
  return layout(context, {
    title: failed ? shell.errorTitle(title) : title,
    main,
    ...(final || view.form ? {} : { refreshSeconds: 15 }),
  });
}

function panel(view: ProgressView, context: PageContext): Html {
  const { progress } = messages[context.locale];
  const { situation } = view;
  const look = looks[situation.kind];
  const { heading, text } = notice(situation.kind, context);
  const asked = situation.kind === 'waiting' && view.form ? request(view.form, context) : null;
  const open = situation.kind === 'working' || situation.kind === 'parked';
  return html`<section class="card" aria-labelledby="situation">
    ${view.form && errorSummary(complaints(view.form, context), context)}
    <div class="stack">
      <span class="${look.seal}">${icon(look.icon)}</span>
      <h2 id="situation" data-situation>${heading}</h2>
      ${asked && html`<p>${asked}</p>`}
      <p class="soft">${text}</p>
    </div>
    ${view.form && inputs(view.form, asked === null, context)}
    ${situation.kind === 'active' && nextSteps(situation.next, context)}
    ${
      open &&
      html`<p class="small soft">${progress.comeBack}</p>
        <noscript>
          <p class="small"><a href="${context.path}">${progress.refresh}</a></p>
        </noscript>`
    }
    ${
      view.supportEmail &&
      html`<p class="small soft">${progress.help(mailLink(view.supportEmail))}</p>`
    }
  </section>`;
}

function notice(kind: ProgressSituation['kind'], context: PageContext): Notice {
  const { progress } = messages[context.locale];
  return kind === 'rolled-back' ? progress.rolledBack : progress[kind];
}

function rail(view: ProgressView, context: PageContext): Html {
  const { progress } = messages[context.locale];
  return html`<section class="rail" aria-labelledby="steps-heading">
    <h2 class="visually-hidden" id="steps-heading">${progress.stepsHeading}</h2>
    <ol class="steps" data-steps>
      ${stepKeys.map((key, index) => {
        const state = view.steps[key];
        const symbol = stepIcons[state];
        const item = attributes({
          class: state,
          'aria-current': (state === 'current' || state === 'waiting') && 'step',
        });
        return html`<li${item}>
          <span class="marker" aria-hidden="true">${symbol ? icon(symbol) : index + 1}</span>
          <div class="step-text">
            <p class="step-name">${progress.steps[key]}</p>
            <p class="step-state">${progress.states[state]}</p>
          </div>
        </li>`;
      })}
    </ol>
  </section>`;
}

function inputs(input: InputForm, headed: boolean, context: PageContext): Html {
  const { progress } = messages[context.locale];
  const asksWorkspace = input.needs.includes('workspace');
  const asksToken = input.needs.includes('token');
  const error = (field: InputField) => {
    const found = input.errors.find((candidate) => candidate.field === field);
    return found && progress.errors[found.code];
  };
  return form(
    { action: '/onboarding/progress', formToken: input.formToken, className: 'form' },
    context,
    html`${
        headed &&
        html`<div class="stack">
          <h3>${progress.formHeading}</h3>
          <p class="soft">${request(input, context)}</p>
        </div>`
      }
      ${
        asksWorkspace && [
          inputField(
            {
              name: 'spreadsheet_id',
              label: progress.spreadsheet,
              hint: progress.spreadsheetHint,
              error: error('spreadsheet_id'),
              value: input.values.spreadsheetId,
              autocomplete: 'off',
              required: true,
              maxLength: 500,
            },
            context,
          ),
          inputField(
            {
              name: 'owner_email',
              label: progress.ownerEmail,
              hint: progress.ownerEmailHint,
              error: error('owner_email'),
              value: input.values.ownerEmail,
              type: 'email',
              autocomplete: 'email',
              required: true,
              maxLength: 254,
            },
            context,
          ),
        ]
      }
      ${
        asksToken &&
        inputField(
          {
            name: 'wb_token',
            label: progress.token,
            hint: html`${progress.tokenHint} ${progress.tokenSafety}`,
            error: error('wb_token'),
            type: 'password',
            autocomplete: 'off',
            required: true,
          },
          context,
        )
      }
      <div class="actions">
        <button class="button">${progress.submit}</button>
        <p class="small soft">${progress.submitNote}</p>
      </div>`,
  );
}

function request({ needs }: InputForm, context: PageContext): string {
  const { formText } = messages[context.locale].progress;
  return formText[needs.length > 1 ? 'both' : (needs[0] ?? 'token')];
}

function complaints(input: InputForm, context: PageContext) {
  const { errors } = messages[context.locale].progress;
  return input.errors.map((error) => ({ field: error.field, text: errors[error.code] }));
}

function nextSteps(next: NextSteps, context: PageContext): HtmlValue {
  const { progress } = messages[context.locale];
  const link = ({ heading, text }: Notice, url: string | undefined) =>
    url &&
    html`<li class="option">
      <a href="${safeUrl(url)}">${heading}</a><span class="small soft">${text}</span>
    </li>`;
  return html`<div class="stack">
    <h3>${progress.nextHeading}</h3>
    <ul class="options">
      ${link(progress.openWorkspace, next.workspaceUrl)} ${link(progress.signIn, next.signInUrl)}
      ${link(progress.docs, next.docsUrl)}
      <li class="option">
        <strong>${progress.mailed.heading}</strong
        ><span class="small soft">${progress.mailed.text}</span>
      </li>
    </ul>
  </div>`;
}
