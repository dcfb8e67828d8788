import { html } from '../../../src/platform/html';
import type { ProgressMessages } from './shape';

/** English: the progress page. */
export const progress: ProgressMessages = {
  title: (tenant) => `Onboarding of ${tenant}`,
  over: 'Onboarding',
  stepsHeading: 'The steps',
  steps: {
    accepted: 'Invite',
    workspace: 'Workspace',
    token: 'Marketplace token',
    checking: 'Connection check',
    ready: 'Ready to go',
  },
  states: {
    done: 'Done',
    current: 'In progress',
    waiting: 'Waiting for you',
    parked: 'We are on it',
    upcoming: 'Still to come',
  },
  working: {
    heading: 'We are setting everything up',
    text: 'This usually takes a few minutes. There is nothing for you to do.',
  },
  waiting: {
    heading: 'We need something from you',
    text: 'As soon as you have added it, we will carry on by ourselves.',
  },
  parked: {
    heading: 'We are on it',
    text: 'One step needs a closer look on our side. Our team knows about it and is taking care of it. What is done stays done, and there is nothing for you to do.',
  },
  active: {
    heading: 'Everything is ready',
    text: 'Your workspace is connected and checked. You can start right away.',
  },
  cancelled: {
    heading: 'This onboarding was cancelled',
    text: 'It will not continue. If that surprises you, please talk to the person who invited you.',
  },
  rolledBack: {
    heading: 'This onboarding was undone',
    text: 'We have removed what had been set up. To start again, please ask the person who invited you for a new invite.',
  },
  formHeading: 'What we still need from you',
  formText: {
    workspace: 'Tell us which spreadsheet we should connect.',
    token: 'Add the token of your marketplace account so that we can fetch your data.',
    both: 'Tell us which spreadsheet we should connect, and add the token of your marketplace account.',
  },
  token: 'Marketplace token',
  tokenHint:
    'You create it in your marketplace seller account, in the settings for API access. Copy it completely and paste it here.',
  tokenSafety: 'We store the token encrypted and never show it again.',
  spreadsheet: 'Spreadsheet ID',
  spreadsheetHint:
    'The long part of the spreadsheet’s address, between /d/ and /edit. You can also paste the whole address.',
  ownerEmail: 'E-mail address of the spreadsheet’s owner',
  ownerEmailHint: 'The account that the spreadsheet belongs to.',
  submit: 'Save and continue',
  submitNote: 'Checking can take a few seconds.',
  nextHeading: 'What you can do now',
  openWorkspace: { heading: 'Open your workspace', text: 'Watch your data arrive.' },
  signIn: { heading: 'Sign in', text: 'With the account you have just used.' },
  docs: { heading: 'Read the guide', text: 'The first steps, explained in brief.' },
  mailed: {
    heading: 'Check your mailbox',
    text: 'We are sending you a summary, so you can close this page.',
  },
  comeBack:
    'You can close this page and come back at any time. We will send you a mail when everything is ready.',
  refresh: 'Refresh this page',
  updated: 'The page was updated.',
  help: (mail) => html`Any questions? Write to ${mail}.`,
  errors: {
    'spreadsheet-required': 'Enter the spreadsheet’s ID.',
    'spreadsheet-invalid':
      'This does not look like a spreadsheet ID. Copy it from the address, between /d/ and /edit.',
    'owner-email-required': 'Enter the owner’s e-mail address.',
    'owner-email-invalid': 'This is not a complete e-mail address, such as name@example.com.',
    'token-required': 'Paste the marketplace token.',
    'token-malformed':
      'This does not look like a complete token. Copy it again, from the first character to the last.',
    'token-rejected':
      'The marketplace did not accept this token. Create a new one and paste it here.',
    'too-long': 'This is too long. Please check what you pasted.',
    'already-stored':
      'Something else is already stored here. If it needs to be changed, please write to us.',
  },
};
