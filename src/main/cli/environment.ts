import type { Variable } from '../../platform/config';

/** What the command line reads beside the variables of the processes; a test keeps `.env.example` complete with it. */
export const commandLineVariables = {
  USHER_URL: {
    description: 'Address of the API; without it that of bin/dev or bin/demo in this folder',
    default: '',
  },
  USHER_KEY: { description: 'Key of a service account', secret: true, default: '' },
  USHER_STATE_DIR: {
    description: 'State folder of bin/dev, bin/demo and their command line; empty: .usher',
    default: '',
  },
} as const satisfies Record<string, Variable>;
