/** What the doctor found out about one part. */
export interface Finding {
  /** `look` is worth a look and no failure. */
  readonly state: 'ok' | 'look' | 'bad';
  readonly detail: string;
  /** What to do; only where something is wrong. */
  readonly advice?: string;
}

/** One examination. */
export interface Examination {
  readonly name: string;
  run(): Promise<Finding | readonly Finding[]>;
}

/** A finding that all is well. */
export const fine = (detail: string): Finding => ({ state: 'ok', detail });

/** A finding that something is wrong. */
export const wrong = (detail: string, advice: string): Finding => ({
  state: 'bad',
  detail,
  advice,
});

const limitMs = 8_000;

/** Runs an examination; one that throws or takes longer than 8 s has found something wrong. */
export async function examine(
  examination: Examination,
  explain: (error: unknown) => readonly string[],
): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      resolve(
        wrong('does not answer within 8 s', 'Check that it runs and can be reached from here.'),
      );
    }, limitMs);
  });
  try {
    const found = await Promise.race([examination.run(), late]);
    return Array.isArray(found) ? (found as readonly Finding[]) : [found as Finding];
  } catch (error) {
    const [detail = 'failed', ...advice] = explain(error);
    return [{ state: 'bad', detail, advice: advice.join(' ') }];
  } finally {
    clearTimeout(timer);
  }
}
