import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { HostEvent } from '@postern/connect/host';
import type { TaskMeta } from 'vitest';
import type { TestCase, TestModule } from 'vitest/node';
import type { ProvidedPostern } from '../provided-context.ts';
import { hostChannel, type PosternMeta, type PosternRunMeta, type TimedHostEvent } from './meta.ts';
import type { RecordedFile, RecordedRun, RecordedTest } from './recorded.ts';
import type { TestState } from './report.ts';

/** More events than that of one run are not kept: its end is told by its totals anyway. */
const MAX_EVENTS = 20_000;

type Times = { queuedAt?: number; startedAt?: number };

/** Notes while vitest runs: what the host says, and when files begin and end. */
export interface Recorder {
  /** Another run, as in watch mode. What the host did since the last one belongs to it. */
  begin(): void;
  queued(module: TestModule): void;
  started(module: TestModule): void;
  /** Leaves times and the host's events in the meta of the file, where blobs of shards take them along. */
  ended(module: TestModule): void;
  finish(modules: readonly TestModule[], run: Pick<RecordedRun, 'vitest' | 'state'>): RecordedRun;
  close(): void;
}

export function openRecorder(shard: string): Recorder {
  const id = randomUUID();
  let events: TimedHostEvent[] = [];
  /** How many of them are in the meta of some file already. */
  let handedOn = 0;
  let finished = 0;
  let times = new WeakMap<TestModule, Times>();
  const ours = { runs: new Set<string>(), databases: new Set<string>() };
  /** A host serves several suites at once, and tells all of them everything. */
  const isOurs = ({ run, database = '' }: TimedHostEvent): boolean =>
    run === undefined || ours.runs.size === 0 || ours.runs.has(run) || ours.databases.has(database);
  /** Each vitest project has a client of the host, and both hear what it says. */
  const heard = new Set<string>();
  const onEvent = (event: unknown): void => {
    if (events.length >= MAX_EVENTS || !isHostEvent(event)) return;
    const { id: number } = event;
    if (number !== undefined && heard.has(number)) return;
    if (number !== undefined) heard.add(number);
    events.push({ ...event, at: Date.now() });
  };
  subscribe(hostChannel, onEvent);
  const note = (module: TestModule, what: Times): void => {
    times.set(module, { ...times.get(module), ...what });
  };
  const ended = (module: TestModule): void => {
    const meta = module.meta();
    if (meta.posternRun !== undefined && meta.posternRun.run !== id) return; // it comes from a blob
    const { postern } = module.project.getProvidedContext() as { postern?: ProvidedPostern };
    if (postern !== undefined) ours.runs.add(postern.run);
    for (const { postern: left } of [meta, ...testMetas(module)]) {
      if (left?.database !== undefined) ours.databases.add(left.database);
    }
    const fresh = events.slice(handedOn).filter(isOurs);
    handedOn = events.length;
    meta.posternRun = {
      ...runMeta(module, times.get(module) ?? {}, id, shard),
      ...(fresh.length > 0 && { host: fresh }),
    };
  };
  return {
    begin() {
      events = events.slice(finished);
      handedOn = 0;
      finished = 0;
      times = new WeakMap();
    },
    queued: (module) => note(module, { queuedAt: Date.now() }),
    started: (module) => note(module, { startedAt: Date.now() }),
    ended,
    finish(modules, run) {
      finished = events.length;
      for (const module of modules) if (module.meta().posternRun === undefined) ended(module);
      const files = modules.map(recordedFile);
      const host = new Map<string, TimedHostEvent[]>();
      for (const { run: of } of files) {
        if (of.run !== id) host.set(of.run, [...(host.get(of.run) ?? []), ...(of.host ?? [])]);
      }
      const own = events.filter(isOurs);
      if (own.length > 0) host.set(id, own);
      const merged = files.length > 0 && files.every(({ run: of }) => of.run !== id);
      const endedAt = merged ? Math.max(...files.map(({ run: of }) => of.endedAt)) : Date.now();
      return { ...run, endedAt, files, host };
    },
    close: () => void unsubscribe(hostChannel, onEvent),
  };
}

function testMetas(module: TestModule): TaskMeta[] {
  return [...module.children.allTests()].map((test) => test.meta());
}

function isHostEvent(value: unknown): value is HostEvent {
  return typeof value === 'object' && value !== null && 'phase' in value && 'state' in value;
}

/** A file that failed to load, or that this vitest tells nothing of, has its times from what there is. */
function runMeta(module: TestModule, times: Times, run: string, shard: string): PosternRunMeta {
  const endedAt = Date.now();
  const tests = [...module.children.allTests()].map((test) => test.diagnostic()?.startTime ?? endedAt);
  const startedAt = times.startedAt ?? Math.min(endedAt, ...tests);
  const queuedAt = times.queuedAt ?? startedAt - module.diagnostic().collectDuration;
  // vitest 4 does not tell the slot.
  const { concurrencyId: slot = 0 } = module.diagnostic() as { concurrencyId?: number };
  return { run, shard, slot, queuedAt, startedAt, endedAt };
}

function recordedFile(module: TestModule): RecordedFile {
  const { setupDuration, collectDuration } = module.diagnostic();
  const meta = module.meta();
  return {
    file: module.relativeModuleId,
    project: module.project.name,
    state: fileState(module),
    run: meta.posternRun as PosternRunMeta,
    importMs: setupDuration + collectDuration,
    meta: withoutRoot(meta.postern, module),
    tests: [...module.children.allTests()].map(recordedTest),
  };
}

/** Stacks name files as the rest of the report does: from the project's root. */
function withoutRoot(meta: PosternMeta | undefined, { project }: TestModule): PosternMeta | undefined {
  if (meta?.leaks === undefined) return meta;
  const shorter = (frame: string): string => frame.replaceAll(`${project.config.root}/`, '');
  return { ...meta, leaks: meta.leaks.map((leak) => ({ ...leak, stack: leak.stack.map(shorter) })) };
}

function fileState(module: TestModule): TestState {
  const state = module.state();
  return state === 'queued' ? 'pending' : state;
}

function recordedTest(test: TestCase): RecordedTest {
  const diagnostic = test.diagnostic();
  return {
    name: test.fullName,
    state: test.result().state,
    startedAt: diagnostic?.startTime ?? 0,
    durationMs: diagnostic?.duration ?? 0,
    meta: withoutRoot(test.meta().postern, test.module),
  };
}
