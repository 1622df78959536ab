import { expect, it } from 'vitest';
import type { Environment } from '../environment/environment.ts';
import { createPhases } from '../phases.ts';
import type { BuiltArtifact } from './artifacts.ts';
import { Bootstrapper } from './bootstrapper.ts';
import type { HostEvent } from './protocol.ts';

interface Fixture {
  bootstrapper: Bootstrapper;
  environment: object;
  events: HostEvent[];
  /** What the working tree holds. */
  tree: { hash: string };
  applied: string[];
  failApply: { with?: Error };
  during: { build?: () => void };
}

function fixture(): Fixture {
  const events: HostEvent[] = [];
  const tree = { hash: 'a' };
  const applied: string[] = [];
  const failApply: Fixture['failApply'] = {};
  const during: Fixture['during'] = {};
  let built: BuiltArtifact | undefined;
  const environment: Pick<Environment, 'kind' | 'invoke' | 'deploy'> = {
    kind: 'local',
    deploy: async () => ({ functions: ['one', 'two'] }),
    invoke: (async () => {
      if (failApply.with !== undefined) throw failApply.with;
      applied.push(built?.manifest.hash ?? '');
      return { statements: [{}], migrations: [{ applied: ['1', '2'] }] };
    }) as unknown as Environment['invoke'],
  };
  const bootstrapper = new Bootstrapper({
    environment: environment as Environment,
    phase: createPhases((event) => events.push(event)),
    artifacts: {
      unchanged: async () => (built?.manifest.hash === tree.hash ? built : undefined),
      build: async () => {
        const { hash } = tree;
        during.build?.();
        built = {
          sha256: hash.repeat(64),
          zip: new Uint8Array(),
          bytes: 10,
          manifest: { hash, databases: [{ name: 'ledger' }] },
        } as unknown as BuiltArtifact;
        return built;
      },
    },
  });
  return { bootstrapper, environment, events, tree, applied, failApply, during };
}

const done = (events: HostEvent[]): string[] =>
  events.filter(({ state }) => state !== 'started').map(({ phase, state }) => `${phase} ${state}`);

it('is silent when nothing has changed, and tells what it did when something has', async () => {
  const { bootstrapper, events, tree, applied } = fixture();
  expect(await bootstrapper.bootstrap()).toMatchObject({ applied: true, statements: 1, migrations: 2 });
  expect(events.filter(({ state }) => state === 'done')).toMatchObject([
    { phase: 'build', detail: 'artefact aaaaaaaaaaaa', counts: { databases: 1, bytes: 10 } },
    { phase: 'deploy', detail: 'one, two' },
    { phase: 'bootstrap', detail: 'ledger', counts: { statements: 1, migrations: 2, 'round trips': 1 } },
  ]);
  events.splice(0);
  expect(await bootstrapper.bootstrap()).toMatchObject({ applied: false, statements: 0 });
  expect(events).toEqual([]);
  tree.hash = 'b';
  expect(await bootstrapper.bootstrap()).toMatchObject({ applied: true });
  expect(applied).toEqual(['a', 'b']);
});

it('gives who comes during a pass what the files say then, and all of them one pass', async () => {
  const { bootstrapper, tree, applied, during } = fixture();
  const late: Promise<unknown>[] = [];
  during.build = () => {
    delete during.build;
    tree.hash = 'b'; // edited after it was read
    late.push(bootstrapper.bootstrap(), bootstrapper.bootstrap());
  };
  const first = await bootstrapper.bootstrap();
  expect(first.artifact.manifest.hash).toBe('a');
  for (const result of await Promise.all(late)) {
    expect(result).toMatchObject({ applied: true, artifact: { manifest: { hash: 'b' } } });
  }
  expect(applied).toEqual(['a', 'b']);
});

it('does again what failed, also for those who waited behind it', async () => {
  const { bootstrapper, events, failApply } = fixture();
  failApply.with = new Error('migration 7 failed');
  const results = await Promise.allSettled([bootstrapper.bootstrap(), bootstrapper.bootstrap()]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(done(events).filter((event) => event === 'bootstrap failed')).toHaveLength(2);
  delete failApply.with;
  expect(await bootstrapper.bootstrap()).toMatchObject({ applied: true });
});

it('asks on AWS for what was applied there: a database of others is never dropped', async () => {
  const { bootstrapper, environment, failApply } = fixture();
  const dropped: string[] = [];
  Object.assign(environment, { kind: 'aws', dropDatabase: async (name: string) => void dropped.push(name) });
  failApply.with = Object.assign(new Error('changed'), {
    code: 'BOOTSTRAP_MIGRATION_CHANGED',
    details: { database: 'ledger' },
  });
  await expect(bootstrapper.bootstrap()).rejects.toBe(failApply.with);
  expect(dropped).toEqual([]);
  // Offline, where that does not help, it is tried once.
  Object.assign(environment, { kind: 'local' });
  await expect(bootstrapper.bootstrap()).rejects.toBe(failApply.with);
  expect(dropped).toEqual(['ledger']);
});
