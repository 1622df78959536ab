import type pg from 'pg';

/** What pg calls while COPY … FROM STDIN runs; pg has no such query of its own. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** Sends rows by COPY. */
export async function copyIn(client: pg.Client, text: string, rows: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let failure: unknown;
    client.query({
      submit: (connection: unknown) => (connection as CopyConnection).query(text),
      handleCopyInResponse: (connection: CopyConnection) => {
        connection.sendCopyFromChunk(Buffer.from(rows));
        connection.endCopyFrom();
      },
      handleCommandComplete: () => {},
      handleError: (error: unknown) => {
        failure = error;
        reject(error);
      },
      handleReadyForQuery: () => {
        if (failure === undefined) resolve();
      },
      // biome-ignore lint/suspicious/noExplicitAny: pg's types know queries with results only
    } as any);
  });
}
