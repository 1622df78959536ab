import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

export interface BrokerConnection {
  ask<T>(request: string, parameters: unknown): Promise<T>;
  close(): void;
}

/** A connection to our broker: a line of JSON each way, as the host's control socket has it. */
export async function dialBroker(path: string): Promise<BrokerConnection> {
  const socket = connect(path);
  await once(socket, 'connect');
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  createInterface({ input: socket }).on('line', (line) => {
    const { id, result, error } = JSON.parse(line);
    const pending = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new Error(error));
  });
  const fail = (error?: Error): void => {
    for (const { reject } of waiting.values()) reject(error ?? new Error('The broker has ended.'));
    waiting.clear();
  };
  socket.on('error', fail).on('close', () => fail());
  return {
    ask<T>(request: string, parameters: unknown): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, { resolve: (value) => resolve(value as T), reject });
        socket.write(`${JSON.stringify({ id, request, parameters })}\n`);
      });
    },
    close: () => socket.destroy(),
  };
}
