import type { Socket } from 'node:net';
import { types } from 'pg';
import type { ClientBase, Connection, FieldDef } from 'pg';
import { prepareValue } from 'pg/lib/utils';

/** What a statement brought: its rows, and how many rows it touched. */
export interface Answer {
  readonly rows: readonly Row[];
  readonly count: number;
}

/** A row by its columns' names. */
export type Row = Readonly<Record<string, unknown>>;

/** The columns of a row as Postgres writes them: texts, null for null. */
export type TextRow = readonly (string | null)[];

/** The statements of one connection. */
export interface Statements {
  /**
   * Runs a statement; parameters as `$1`, `$2`, …. Those asked for in one go leave together and are answered together,
   * in order; where one fails, none after it runs.
   */
  ask(text: string, params: readonly unknown[]): Promise<Answer>;
  /** The same for a query whose rows are wanted as they come: what to make of a text its asker knows best. */
  askForTexts(text: string, params: readonly unknown[]): Promise<readonly TextRow[]>;
  /** What was asked for and has not left never leaves. */
  drop(): void;
}

/** A statement on its way, and who waits for its answer. */
interface Asked {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Its rows are wanted as texts. */
  readonly texts: boolean;
  readonly resolve: (rows: readonly unknown[], count: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A statement that the server knows by its name, with what it told once of the columns of its answer. */
interface Prepared {
  readonly name: string;
  columns: readonly Column[] | undefined;
  /** `unsure` when a statement before it failed together with it: then the server may know it or not. */
  state: 'sent' | 'known' | 'unsure';
}

interface Column {
  readonly name: string;
  readonly read: (text: string) => unknown;
}

const parserOf = types.getTypeParser as (type: number, format: 'text') => Column['read'];

const perClient = new WeakMap<ClientBase, Statements>();

/** The statements of a client; the same for as long as its connection is open. */
export function statementsOf(client: ClientBase): Statements {
  const known = perClient.get(client) ?? openStatements(client);
  perClient.set(client, known);
  return known;
}

function openStatements(client: ClientBase): Statements {
  const prepared = new Map<string, Prepared>();
  let waiting: Asked[] = [];
  let busy = false;
  const send = (): void => {
    if (busy || waiting.length === 0) return;
    busy = true;
    const together = waiting;
    waiting = [];
    client.query(
      new Together(together, prepared, () => {
        busy = false;
        send();
      }),
    );
  };
  const join = <T>(
    { text, params, texts }: { text: string; params: readonly unknown[]; texts: boolean },
    answer: (rows: readonly unknown[], count: number) => T,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = (rows: readonly unknown[], count: number): void => {
        resolve(answer(rows, count));
      };
      const values = params.map(prepareValue);
      if (waiting.push({ text, values, texts, resolve: settle, reject }) === 1)
        process.nextTick(send);
    });
  return {
    ask: (text, params) =>
      join({ text, params, texts: false }, (rows, count) => ({ rows: rows as Row[], count })),
    askForTexts: (text, params) =>
      join({ text, params, texts: true }, (rows) => rows as readonly TextRow[]),
    drop() {
      const dropped = waiting;
      waiting = [];
      for (const { reject } of dropped) reject(new NotRun());
    },
  };
}

const names = new Map<string, string>();

/** Statement texts that are prepared; what a list's filters make of a text beyond these is planned each time. */
const mostPrepared = 400;

// Planning costs more than running: row-level security makes each table of a query a small query of its own. A named
// statement is planned once a connection.
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined && names.size < mostPrepared) {
    name = `u${String(names.size)}`;
    names.set(text, name);
  }
  return name ?? '';
}

/**
 * Statements in one message: the server runs them one after the other and answers once. It is a query to `pg`, which
 * hands on what comes back (its `Submittable`, as `pg-cursor` is). What pg's own query asks for each time, a
 * description of the columns, is asked for once a connection: preparing a statement fixes them.
 */
class Together {
  /** Called by pg, too, when the server has been silent for too long. */
  callback: (error?: unknown) => void;
  private at = 0;
  private rows: unknown[] = [];
  private unreadable: unknown;
  private readonly running: Prepared[] = [];
  private readonly asked: readonly Asked[];
  private readonly prepared: Map<string, Prepared>;

  constructor(asked: readonly Asked[], prepared: Map<string, Prepared>, ended: () => void) {
    this.asked = asked;
    this.prepared = prepared;
    this.callback = (error) => {
      if (this.at < asked.length) this.fail(error);
      ended();
    };
  }

  submit(pgConnection: Connection): void {
    const connection = pgConnection as unknown as Messages;
    const { stream } = connection;
    stream.cork();
    for (const { text, values, texts } of this.asked) {
      const statement = this.announce(connection, text);
      this.running.push(statement);
      connection.bind({ statement: statement.name, values });
      if (!statement.columns && !texts) connection.describe({ type: 'P' });
      connection.execute();
    }
    connection.sync();
    stream.uncork();
  }

  private announce(connection: Messages, text: string): Prepared {
    const known = this.prepared.get(text);
    if (known && known.state !== 'unsure') return known;
    const name = nameOf(text);
    const statement: Prepared = { name, columns: undefined, state: 'sent' };
    // To close what the server does not know is no error.
    if (known) connection.close({ type: 'S', name });
    connection.parse({ name, text });
    if (name !== '') this.prepared.set(text, statement);
    return statement;
  }

  handleRowDescription({ fields }: { fields: readonly FieldDef[] }) {
    const statement = this.running[this.at];
    if (!statement) return;
    statement.columns = fields.map(({ name, dataTypeID }) => ({
      name,
      read: parserOf(dataTypeID, 'text'),
    }));
  }

  handleDataRow({ fields }: { fields: TextRow }): void {
    if (this.asked[this.at]?.texts) {
      this.rows.push(fields);
      return;
    }
    try {
      this.rows.push(rowOf(this.running[this.at]?.columns ?? [], fields));
    } catch (error) {
      this.unreadable ??= error;
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const [asked, statement] = [this.asked[this.at], this.running[this.at]];
    if (!asked || !statement) return;
    statement.state = 'known';
    if (!asked.texts) statement.columns ??= [];
    const { rows, unreadable } = this;
    this.at += 1;
    this.rows = [];
    this.unreadable = undefined;
    if (unreadable === undefined) asked.resolve(rows, countOf(text));
    else asked.reject(unreadable);
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete({ text: '' });
  }

  handleReadyForQuery(): void {
    this.callback();
  }

  handleError(error: unknown): void {
    this.callback(error);
  }

  private fail(error: unknown): void {
    const [failed, ...behind] = this.asked.slice(this.at);
    for (const statement of this.running.slice(this.at)) {
      if (statement.state === 'sent') statement.state = 'unsure';
    }
    this.at = this.asked.length;
    failed?.reject(error);
    // Later, so that whoever waits for all of them hears of the cause first.
    if (behind.length > 0)
      setImmediate(() => {
        for (const asked of behind) asked.reject(new NotRun());
      });
  }
}

function rowOf(columns: readonly Column[], fields: TextRow): Row {
  const row: Record<string, unknown> = {};
  for (let at = 0; at < columns.length; at += 1) {
    const column = columns[at] as Column;
    const text = fields[at];
    row[column.name] = text == null ? null : column.read(text);
  }
  return row;
}

/** What a statement gets that was not run, since one before it has failed. */
class NotRun extends Error {
  // What Postgres calls a statement in a transaction that has failed.
  readonly code = '25P02';
  constructor() {
    super('A statement before it failed');
  }
}

/** `UPDATE 3`, `INSERT 0 1`, `BEGIN`. */
function countOf(text: string): number {
  const count = Number(text.slice(text.lastIndexOf(' ') + 1));
  return Number.isNaN(count) ? 0 : count;
}

/** The part of pg's connection that writes messages of the extended query protocol, as it is called inside of pg. */
interface Messages {
  readonly stream: Socket;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly unknown[] }): void;
  describe(message: { type: 'P' }): void;
  execute(): void;
  close(message: { type: 'S'; name: string }): void;
  sync(): void;
}
