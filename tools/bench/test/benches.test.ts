import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect } from '../src/tunnel/connect.ts';
import { cpu } from '../src/tunnel/cpu.ts';
import { endpointConnect, endpointLatency } from '../src/tunnel/endpoint/endpoint-latency.ts';
import type { EndpointSite } from '../src/tunnel/endpoint/endpoint-site.ts';
import { endpointThroughput } from '../src/tunnel/endpoint/endpoint-throughput.ts';
import { latency } from '../src/tunnel/latency.ts';
import { startPeer } from '../src/tunnel/peer/start-peer.ts';
import type { BenchResult } from '../src/tunnel/report/report.ts';
import type { Settings } from '../src/tunnel/settings.ts';
import { striping } from '../src/tunnel/striping.ts';
import { throughput } from '../src/tunnel/throughput.ts';

// Each bench with next to nothing to do: it runs to its end, breaks no rule of the protocol and fills its table.
// How fast anything was is not looked at.
const tiny: Settings = { rounds: 1, scale: 0.001, profileFolder: undefined };

function expectFull({ head, rows }: BenchResult, rowCount: number): void {
  expect(rows).toHaveLength(rowCount);
  for (const row of rows) {
    expect(row).toHaveLength(head.length);
    for (const cell of row) expect(cell).not.toMatch(/NaN|Infinity|^-|undefined/);
  }
}

test('throughput', async () => {
  const result = await throughput(tiny);
  expectFull(result, 4);
  expect(result.data).toMatchObject({ 'up 1': { toModel: { repetitions: 1 } } });
});

test('striping', async () => expectFull(await striping({ ...tiny, scale: 0.02 }), 4));

test('cpu, with its profiles where they were asked for', async () => {
  const profileFolder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  try {
    const result = await cpu({ ...tiny, scale: 0.005, profileFolder });
    expectFull(result, 3);
    expect(existsSync(join(profileFolder, 'up-1-024.cpuprofile'))).toBe(true);
    expect(result.notes.join('\n')).toContain('ssm-protocol');
  } finally {
    await rm(profileFolder, { recursive: true });
  }
});

test('connect: no round trip is spent before the first byte of a new connection leaves', async () => {
  const result = await connect({ ...tiny, scale: 0.1 });
  expect(result.rows.map((row) => row.slice(-2))).toEqual([
    ['1', '0'],
    ['1', '0'],
    ['1', '0'],
  ]);
});

test('latency', async () => expectFull(await latency({ ...tiny, scale: 0.02 }), 6));

test('an endpoint with an echo service', async () => {
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  try {
    await using peer = await startPeer({});
    const { port } = echo.address() as AddressInfo;
    const site: EndpointSite = {
      name: 'test',
      open: (options) => peer.open({ remotePort: port, ...options }),
    };
    expectFull(await endpointThroughput(site, { ...tiny, scale: 0.01 }), 4);
    expectFull(await endpointLatency(site, { ...tiny, scale: 0.05 }), 3);
    expect((await endpointConnect(site, { ...tiny, scale: 0.1 })).rows).toHaveLength(1);
  } finally {
    echo.close();
  }
});
