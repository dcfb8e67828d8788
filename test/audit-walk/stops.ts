import type { OwnAction } from '../../src/domain/audit/audit-entries';
import type { TestRequest } from '../support/test-app';
import type { World } from './world';

/** A request that succeeds; method and path are those of the contract, so that none passes for another. */
export interface WalkRequest extends TestRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** Whose entries are looked at, where they carry another id than the request’s. */
  readonly tellsOf?: string;
  /** In place of a JSON body. */
  readonly form?: Readonly<Record<string, string>>;
}

type Prepare = (world: World) => WalkRequest | Promise<WalkRequest>;

/** An endpoint on the walk: what it has to tell the log, or why it tells nothing. */
export type Stop =
  | {
      /** Actions of the entries that carry the id of the request, in the order in which they were appended. */
      readonly tells: readonly (OwnAction | 'order.shipped')[];
      /** The status of an answer that refuses; success without it. */
      readonly refused?: number;
      readonly by: Prepare;
    }
  | {
      /** Changes nothing, which is watched; why nobody has to know of it. */
      readonly silent: string;
      readonly by: Prepare;
    };

/** A request without anything. */
export const plain: Prepare = () => ({});
