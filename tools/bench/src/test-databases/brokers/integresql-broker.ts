import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveParent } from '../processes/child-process.ts';
import { IntegresqlPool, type IntegresqlPoolOptions } from './integresql-pool.ts';

// A process that stands for the IntegreSQL server: its pool behind HTTP on this machine.

let pool: IntegresqlPool | undefined;
let server: Server | undefined;

serveParent({
  /** Opens a pool; answers with its address when the first database is ready. */
  async open(options: IntegresqlPoolOptions): Promise<string> {
    const opened = new IntegresqlPool(options);
    pool = opened;
    server = createServer(async (_, response) => {
      try {
        response.end(JSON.stringify({ database: await opened.get() }));
      } catch (error) {
        response.writeHead(500).end(String(error));
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await opened.firstReady();
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async close(): Promise<void> {
    server?.close();
    server?.closeAllConnections();
    await pool?.close();
  },
});
