import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { createPayloadCodec } from '../../src/platform/temporal-codec';

const key = (id: string) => ({ id, key: randomBytes(32) });

describe('payload codec', () => {
  test('what it encodes shows nothing of the payload and decodes to the same', async () => {
    const codec = createPayloadCodec([key('k1')]);
    const payload = defaultPayloadConverter.toPayload({ inviteId: 'invite-17' });
    const [sealed] = await codec.encode([payload]);
    expect(Buffer.from(sealed?.data ?? []).includes('invite-17')).toBe(false);
    const [opened] = await codec.decode([sealed ?? payload]);
    expect(defaultPayloadConverter.fromPayload(opened ?? {})).toEqual({ inviteId: 'invite-17' });
  });

  test('a payload of a retired key still opens, and one that was altered does not', async () => {
    const [old, active] = [key('old'), key('new')];
    const payload = defaultPayloadConverter.toPayload('x');
    const [sealed] = await createPayloadCodec([old]).encode([payload]);
    const codec = createPayloadCodec([active, old]);
    await expect(codec.decode([sealed ?? payload])).resolves.toHaveLength(1);
    const data = Buffer.from(sealed?.data ?? []);
    data.writeUInt8(data.readUInt8(data.length - 1) ^ 1, data.length - 1);
    expect(() => codec.decode([{ ...sealed, data }])).toThrow();
  });

  test('payloads from before the codec was switched on are read as they are', async () => {
    const codec = createPayloadCodec([key('k1')]);
    const payload = defaultPayloadConverter.toPayload('plain');
    expect(await codec.decode([payload])).toEqual([payload]);
  });
});
