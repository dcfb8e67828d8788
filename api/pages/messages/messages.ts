import type { Locale } from '../../../src/platform/locale';
import * as deInvite from './de-invite';
import { outcomes as deOutcomes } from './de-outcomes';
import { progress as deProgress } from './de-progress';
import * as enInvite from './en-invite';
import { outcomes as enOutcomes } from './en-outcomes';
import { progress as enProgress } from './en-progress';
import * as ruInvite from './ru-invite';
import { outcomes as ruOutcomes } from './ru-outcomes';
import { progress as ruProgress } from './ru-progress';
import type { PageMessages } from './shape';

/** The words of the customer pages in every language that they are written in. */
export const messages: Readonly<Record<Locale, PageMessages>> = {
  en: { ...enInvite, progress: enProgress, outcomes: enOutcomes },
  de: { ...deInvite, progress: deProgress, outcomes: deOutcomes },
  ru: { ...ruInvite, progress: ruProgress, outcomes: ruOutcomes },
};
