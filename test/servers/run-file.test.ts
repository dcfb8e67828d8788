import { stateDirOf } from '../../src/servers/run-file';

describe('the state folder of a clone', () => {
  const given = process.env['USHER_STATE_DIR'];
  afterEach(() => {
    if (given === undefined) delete process.env['USHER_STATE_DIR'];
    else process.env['USHER_STATE_DIR'] = given;
  });

  test.each([
    ['is .usher of the clone where nothing is said', undefined, '/clone/.usher'],
    ['is .usher of the clone where an empty variable is left', '', '/clone/.usher'],
    ['is the one that is named', '/elsewhere', '/elsewhere'],
  ])('%s', (_, value, expected) => {
    if (value === undefined) delete process.env['USHER_STATE_DIR'];
    else process.env['USHER_STATE_DIR'] = value;
    expect(stateDirOf('/clone')).toBe(expected);
  });
});
