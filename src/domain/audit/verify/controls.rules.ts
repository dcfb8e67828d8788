/** What an entry of the log's own machinery says, as far as a verifier acts on it. */
export type Control =
  | { readonly action: 'audit.erased'; readonly seq: number; readonly subject: string }
  | {
      readonly action: 'audit.key_announced';
      readonly seq: number;
      readonly vkey: string;
      readonly after: string;
    }
  | { readonly action: 'audit.forked'; readonly seq: number; readonly previousOrigin: string };

/** Reads the core of a control entry; undefined for one that a verifier does not act on. */
export function controlOf(seq: number, core: string): Control | undefined {
  const { action, metadata } = JSON.parse(core) as {
    readonly action?: unknown;
    readonly metadata?: Readonly<Record<string, unknown>>;
  };
  const text = (name: string): string => {
    const value = metadata?.[name];
    return typeof value === 'string' ? value : '';
  };
  switch (action) {
    case 'audit.erased':
      return { action, seq, subject: text('subject') };
    case 'audit.key_announced':
      return { action, seq, vkey: text('vkey'), after: text('after') };
    case 'audit.forked':
      return { action, seq, previousOrigin: text('previous_origin') };
    default:
      return undefined;
  }
}
