/** Something takes longer than is waited for; it goes on behind. */
export class TooLate extends Error {
  constructor() {
    super('It takes longer than is waited for');
    this.name = 'TooLate';
  }
}

/** The value of a promise that comes within so many milliseconds. @throws TooLate otherwise */
export async function inTime<T>(work: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(new TooLate());
      },
      Math.max(0, withinMs),
    );
  });
  // Whoever does not wait any more does not hear of a failure either.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
