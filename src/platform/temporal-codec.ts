import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import type { NamedKey } from './config-values';

const encoding = Buffer.from('binary/usher-aes-256-gcm');

/**
 * Encrypts whole payloads with AES-256-GCM under the active key of the ring; the key's id stands in the metadata and
 * is bound into the ciphertext. Defence in depth only: ids are all that enters workflows anyway. Headers, ids and
 * search attributes are not covered by codecs.
 */
export function createPayloadCodec(keys: readonly NamedKey[]): PayloadCodec {
  const [active] = keys;
  if (!active) throw new Error('The key ring is empty');
  const byKid = new Map(keys.map(({ id, key }) => [id, key]));
  const { Payload: Message } = temporal.api.common.v1;

  const seal = (payload: Payload): Payload => {
    const iv = randomBytes(12);
    const kid = Buffer.from(active.id);
    const cipher = createCipheriv('aes-256-gcm', active.key, iv).setAAD(kid);
    const text = Buffer.concat([cipher.update(Message.encode(payload).finish()), cipher.final()]);
    return {
      metadata: { encoding, 'usher-kid': kid },
      data: Buffer.concat([iv, cipher.getAuthTag(), text]),
    };
  };
  const open = (payload: Payload): Payload => {
    const { metadata, data } = payload;
    const kid = metadata?.['usher-kid'];
    if (!kid || !data || !encoding.equals(metadata['encoding'] ?? Buffer.alloc(0))) return payload;
    const key = byKid.get(Buffer.from(kid).toString());
    if (!key) throw new Error(`The key ring has no key ${Buffer.from(kid).toString()}`);
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(kid)).setAuthTag(data.subarray(12, 28));
    return Message.decode(Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]));
  };
  return {
    encode: (payloads) => Promise.resolve(payloads.map(seal)),
    decode: (payloads) => Promise.resolve(payloads.map(open)),
  };
}

/** The data converter of client and worker when `TEMPORAL_CODEC` is on. */
export function encryptingDataConverter(keys: readonly NamedKey[]): DataConverter {
  return { payloadCodecs: [createPayloadCodec(keys)] };
}
