import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A server that answers lines one after the other, some after a while: `delay text` → `answer to text`. */
export interface QueryServer extends AsyncDisposable {
  readonly port: number;
}

export async function startQueryServer(): Promise<QueryServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let turn = Promise.resolve();
    forEachLine(socket, (line) => {
      const [delayMs = '0', ...words] = line.split(' ');
      turn = turn.then(async () => {
        if (delayMs !== '0') await new Promise((resolve) => setTimeout(resolve, Number(delayMs)));
        if (!socket.destroyed) socket.write(`answer to ${words.join(' ')}\n`);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

interface Waiting {
  readonly question: string;
  resolve(): void;
  reject(error: Error): void;
}

/** A connection that asks one thing after the other, as a database client does. */
export class QueryConnection {
  readonly stream: Duplex;
  readonly #waiting: Waiting[] = [];
  #ended: Error | undefined;

  constructor(stream: Duplex) {
    this.stream = stream;
    forEachLine(stream, (line) => {
      const asked = this.#waiting.shift();
      if (asked === undefined) this.#end(new Error(`an answer that nobody asked for: ${line}`));
      else if (line === `answer to ${asked.question}`) asked.resolve();
      else asked.reject(new Error(`${asked.question}: wrong answer: ${line}`));
    });
    stream.once('error', (error) => this.#end(error));
    stream.once('close', () => this.#end(new Error('the connection was closed')));
  }

  /** Why nothing can be asked any more. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /** Fulfils with the right answer; the server takes its time for it. */
  ask(question: string, delayMs = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.push({ question, resolve, reject });
      this.stream.write(`${delayMs} ${question}\n`);
    });
  }

  close(): void {
    this.stream.destroy();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.stream.destroy();
  }
}

function forEachLine(stream: Duplex, onLine: (line: string) => void): void {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}
