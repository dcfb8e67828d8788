import { rmdirSync } from 'node:fs';
import { fullDisk, requireRoom } from '../../src/servers/disk-room';
import { SetupError } from '../../src/servers/setup-error';
import { newStateFolder, removeStateFolder } from './state-folder';

let folder: string;
beforeEach(() => {
  folder = newStateFolder();
});
afterEach(() => {
  removeStateFolder(folder);
});

const thrown = (work: () => void): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('a disk that is full', () => {
  it('is told by the folder that it holds, with what is left and what to do', () => {
    // More than any disk has.
    const error = thrown(() => {
      requireRoom(folder, Number.MAX_SAFE_INTEGER);
    });
    expect(error).toBeInstanceOf(SetupError);
    const { message, advice } = error as SetupError;
    expect(message).toMatch(/^The disk that holds .+ is full \(\d+ MB are left\)\.$/);
    expect(message).toContain(folder);
    expect(advice).toContain('Free at least 250 MB and run the command again.');
  });

  it('is told also where the folder could not be made', () => {
    rmdirSync(folder);
    expect(fullDisk(folder).message).toBe(`The disk that holds ${folder} is full.`);
  });

  it('is not found where there is room', () => {
    expect(
      thrown(() => {
        requireRoom(folder, 1);
      }),
    ).toBeUndefined();
  });
});
