import { proxies } from '../../src/platform/config-values';

describe('TRUSTED_PROXIES', () => {
  test('is addresses and ranges of both families', () => {
    const given = ['10.0.0.1', '172.30.0.0/16', '::1', 'fd00::/8', '::ffff:10.0.0.0/104'];
    expect(proxies.safeParse(given.join(' , ')).data).toEqual(given);
    expect(proxies.safeParse('').data).toEqual([]);
  });

  test.each(['loopback', 'proxy.example', '10.0.0.0/33', '10.0.0', '10.0.0.1;10.0.0.2'])(
    'is not %s',
    (text) => {
      expect(proxies.safeParse(text).success).toBe(false);
    },
  );

  test.each(['0.0.0.0/0', '::/0', '10.0.0.1,0.0.0.0/0', '::ffff:0:0/96'])(
    'never holds everybody: %s',
    (text) => {
      const issues = proxies.safeParse(text).error?.issues.map(({ message }) => message);
      expect(issues).toEqual(['must not hold everybody']);
    },
  );
});
