import { createRequire } from 'node:module';
import type * as S3 from '@aws-sdk/client-s3';

const load = createRequire(__filename);
let s3: typeof S3 | undefined;

/** The parts of the AWS SDK, each loaded at its first use: few processes ever open a store, and each holds 6 MiB. */
export const aws = {
  get s3(): typeof S3 {
    return (s3 ??= load('@aws-sdk/client-s3') as typeof S3);
  },
};
