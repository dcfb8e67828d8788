import { Email } from '../../src/contracts/http';
import { MarketplaceToken, SpreadsheetId } from '../../src/contracts/provisioning';
import { oneLine } from '../../src/platform/display-text';
import type { NewInputs } from '../../src/domain/onboarding/inputs';
import type { Visit } from './serving';
import type { FieldError, InputErrorCode, InputField, InputForm } from './views';

type InputError = FieldError<InputField, InputErrorCode>;

/** What the progress page's form sent: either inputs that can be stored, or what is wrong with them. */
export interface ProgressForm {
  /** What was asked for; a field that is missing from the form was not. */
  readonly needs: InputForm['needs'];
  readonly inputs: NewInputs;
  /** What the page shows again; never a token. */
  readonly values: InputForm['values'];
  readonly errors: readonly InputError[];
}

const longest = { spreadsheet: 500, email: 254, token: 8192 } as const;

// People mistype and copy half of it, and have nobody to fix it: what cannot be right is told them at once.
const TypedSpreadsheetId = SpreadsheetId.refine((id) => /^[\w-]{5,}$/.test(id));
const TypedToken = MarketplaceToken.refine((token) => token.length >= 10);

/** Reads the form and checks it, more strictly than the API, whose callers are programs. */
export function readProgressForm(visit: Visit): ProgressForm {
  const asksWorkspace = visit.hasField('spreadsheet_id') || visit.hasField('owner_email');
  const asksToken = visit.hasField('wb_token');
  const spreadsheet = oneLine(visit.field('spreadsheet_id'), 2 * longest.spreadsheet);
  const email = oneLine(visit.field('owner_email'), 2 * longest.email);
  const token = unbroken(visit.field('wb_token'));
  const spreadsheetId = TypedSpreadsheetId.safeParse(spreadsheetIdIn(spreadsheet));
  const ownerEmail = Email.safeParse(email);
  const wbToken = TypedToken.safeParse(token);
  return {
    needs: [
      ...(asksWorkspace ? ['workspace' as const] : []),
      ...(asksToken ? ['token' as const] : []),
    ],
    values: { spreadsheetId: spreadsheet, ownerEmail: email },
    inputs: {
      ...(asksWorkspace ? { spreadsheetId: spreadsheetId.data, ownerEmail: ownerEmail.data } : {}),
      ...(asksToken ? { wbToken: wbToken.data } : {}),
    },
    errors: [
      ...(asksWorkspace
        ? [
            ...spreadsheetErrors(spreadsheet, spreadsheetId.success),
            ...emailErrors(email, ownerEmail.success),
          ]
        : []),
      ...(asksToken ? tokenErrors(token, wbToken.success) : []),
    ],
  };
}

/** A spreadsheet's id out of whatever was copied: the id itself, or an address that holds it. */
export function spreadsheetIdIn(text: string): string {
  const inAddress =
    /\/d\/(?!e\/)([A-Za-z0-9_-]+)/.exec(text) ?? /[?&](?:id|key)=([A-Za-z0-9_-]+)/.exec(text);
  return inAddress?.[1] ?? text;
}

// Mail programs and terminals break long lines; no token holds a blank of its own.
function unbroken(text: string): string {
  return text.slice(0, 4 * longest.token).replace(/[\s\u200b-\u200d\u2060\ufeff]+/g, '');
}

function spreadsheetErrors(text: string, valid: boolean): InputError[] {
  const field = 'spreadsheet_id';
  if (text === '') return [{ field, code: 'spreadsheet-required' }];
  if (text.length > longest.spreadsheet) return [{ field, code: 'too-long' }];
  return valid ? [] : [{ field, code: 'spreadsheet-invalid' }];
}

function emailErrors(text: string, valid: boolean): InputError[] {
  const field = 'owner_email';
  if (text === '') return [{ field, code: 'owner-email-required' }];
  if (text.length > longest.email) return [{ field, code: 'too-long' }];
  return valid ? [] : [{ field, code: 'owner-email-invalid' }];
}

function tokenErrors(text: string, valid: boolean): InputError[] {
  const field = 'wb_token';
  if (text === '') return [{ field, code: 'token-required' }];
  if (text.length > longest.token) return [{ field, code: 'too-long' }];
  return valid ? [] : [{ field, code: 'token-malformed' }];
}
