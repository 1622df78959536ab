import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of the bench that answers requests one by one or side by side. */
export interface BenchProcess extends AsyncDisposable {
  /** Sends a request and gives its answer. Rejects with the process's error, or when it ends. */
  ask<T>(request: string, parameters?: unknown): Promise<T>;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts a TypeScript file of the bench as a process, which {@link serveParent} serves. It ends with this one. */
export function startProcess(file: URL): BenchProcess {
  const child = fork(fileURLToPath(file), [], {
    execArgv: ['--conditions=@postern/source'],
    serialization: 'advanced',
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;
  let ended: string | undefined;
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const end = (why: string): void => {
    ended ??= why;
    for (const [id, settle] of waiting) settle({ id, error: ended });
    waiting.clear();
  };
  child.on('error', (error) => end(error.message));
  child.on('exit', (code, signal) => end(`the process of ${file.pathname} ended with ${code ?? signal}`));
  return {
    ask<T>(request: string, parameters?: unknown): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        if (ended !== undefined) return reject(new Error(ended));
        const id = ++lastId;
        waiting.set(id, ({ result, error }) =>
          error === undefined ? resolve(result as T) : reject(new Error(error)),
        );
        child.send({ id, request, parameters });
      });
    },
    [Symbol.asyncDispose]: () => endProcess(child),
  };
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  const impatient = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exit;
  clearTimeout(impatient);
}

/**
 * The other side of {@link startProcess}. When the parent ends, however it does, this process ends, too; Ctrl-C in a
 * terminal is for the parent, which ends things in order.
 */
export function serveParent(
  handlers: Readonly<Record<string, (parameters: never) => Promise<unknown>>>,
): void {
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ id, request, parameters }: Request) => {
    try {
      const handler = handlers[request];
      if (handler === undefined) throw new Error(`no request ${request}`);
      process.send?.({ id, result: await handler(parameters as never) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
}

interface Request {
  readonly id: number;
  readonly request: string;
  readonly parameters: unknown;
}
