import type { Locale } from '../../../src/platform/locale';
import * as deInvite from './de-invite';
import { outcomes as deOutcomes } from './de-outcomes';
import { progress as deProgress } from './de-progress';
import { signIn as deSignIn } from './de-sign-in';
import * as enInvite from './en-invite';
import { outcomes as enOutcomes } from './en-outcomes';
import { progress as enProgress } from './en-progress';
import { signIn as enSignIn } from './en-sign-in';
import * as ruInvite from './ru-invite';
import { outcomes as ruOutcomes } from './ru-outcomes';
import { progress as ruProgress } from './ru-progress';
import { signIn as ruSignIn } from './ru-sign-in';
import type { PageMessages } from './shape';

/** The words of the customer pages in every language that they are written in. */
export const messages: Readonly<Record<Locale, PageMessages>> = {
  en: { ...enInvite, progress: enProgress, outcomes: enOutcomes, signIn: enSignIn },
  de: { ...deInvite, progress: deProgress, outcomes: deOutcomes, signIn: deSignIn },
  ru: { ...ruInvite, progress: ruProgress, outcomes: ruOutcomes, signIn: ruSignIn },
};
