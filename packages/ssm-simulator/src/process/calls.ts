import { type StandAloneOptions, startSsmSimulator } from '../stand-alone.ts';

/**
 * One line of JSON on the standard input of the process. The first call is `start`; then come the methods of the
 * simulator by name, those of its faults as `faults.<name>`, and `usage`. A fault that can be stopped answers
 * `{ "handle": n }`, to be ended by `end` with that number.
 */
interface Call {
  id: number;
  call: string;
  arguments?: readonly unknown[];
}

/** One line of JSON on its standard output for each call. */
export type Answer =
  | { id: number; value?: unknown }
  | { id: number; error: { code?: string; message: string; violations?: unknown } };

/** What the process has used so far. */
export interface ProcessUsage {
  /** Processor time, user and system. */
  cpuMs: number;
  rssBytes: number;
  heapUsedBytes: number;
}

type Running = Awaited<ReturnType<typeof startSsmSimulator>>;
type Method = (...values: unknown[]) => unknown;

const METHODS = [
  'registerInstance',
  'registerDocument',
  'setHost',
  'statistics',
  'violations',
  'assertNoViolations',
  'sessions',
  'close',
] as const;

/** Answers calls on one simulator. */
export class CallHandler {
  readonly #handles = new Map<number, () => void>();
  #simulator: Running | undefined;
  #nextHandle = 1;

  async answer(line: string): Promise<Answer> {
    let id = 0;
    try {
      const call = JSON.parse(line) as Call;
      id = call.id;
      // JSON has no undefined: an argument that is null was left out.
      const value = await this.#call(
        call.call,
        (call.arguments ?? []).map((argument) => argument ?? undefined),
      );
      return value === undefined ? { id } : { id, value };
    } catch (error) {
      const { code, violations } = error as { code?: string; violations?: unknown };
      const message = error instanceof Error ? error.message : String(error);
      return {
        id,
        error: {
          message,
          ...(code === undefined ? {} : { code }),
          ...(violations === undefined ? {} : { violations }),
        },
      };
    }
  }

  async close(): Promise<void> {
    await this.#simulator?.close();
  }

  async #call(name: string, values: readonly unknown[]): Promise<unknown> {
    if (name === 'start') return await this.#start(values[0] as StandAloneOptions | undefined);
    if (name === 'usage') return usage();
    if (name === 'end') return this.#end(values[0] as number);
    const simulator = this.#simulator;
    if (simulator === undefined) throw new Error('the first call has to be start');
    if (name.startsWith('faults.')) return this.#fault(simulator, name.slice('faults.'.length), values);
    const method = METHODS.find((known) => known === name);
    if (method === undefined) throw new Error(`there is no call ${name}`);
    return await (simulator[method] as Method)(...values);
  }

  async #start(options: StandAloneOptions = {}): Promise<unknown> {
    if (this.#simulator !== undefined) throw new Error('the simulator was started before');
    this.#simulator = await startSsmSimulator(options);
    const { endpoint, region, accountId } = this.#simulator;
    return { endpoint, region, accountId };
  }

  #fault({ faults }: Running, name: string, values: readonly unknown[]): unknown {
    if (!Object.hasOwn(faults, name)) throw new Error(`there is no fault ${name}`);
    const result = (faults[name as keyof typeof faults] as Method)(...values) as
      | { stop?: () => void; release?: () => void }
      | undefined;
    const end = result?.stop ?? result?.release;
    if (end === undefined) return undefined;
    const handle = this.#nextHandle++;
    this.#handles.set(handle, end);
    return { handle };
  }

  #end(handle: number): void {
    this.#handles.get(handle)?.();
    this.#handles.delete(handle);
  }
}

function usage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMs: (user + system) / 1000, rssBytes: rss, heapUsedBytes: heapUsed };
}
