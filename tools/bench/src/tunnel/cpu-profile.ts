import { mkdir, writeFile } from 'node:fs/promises';
import { type Profiler, Session } from 'node:inspector/promises';
import { join } from 'node:path';

interface ProfileShare {
  /** `function file:line`, or a name for a group. */
  readonly name: string;
  /** Of the time in which the process was busy, 0 to 1. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly busySeconds: number;
  /** The functions with the largest share of their own, largest first. */
  readonly functions: readonly ProfileShare[];
  /** The same time by what it is for, largest first. */
  readonly groups: readonly ProfileShare[];
}

/** Runs some work with V8's sampling profiler on. */
export async function profiled(work: () => Promise<void>): Promise<Profiler.Profile> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 1000 });
    await session.post('Profiler.start');
    await work();
    return (await session.post('Profiler.stop')).profile;
  } finally {
    session.disconnect();
  }
}

export async function writeProfile(folder: string, name: string, profile: Profiler.Profile): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.cpuprofile`), JSON.stringify(profile));
}

/** Who spent the time: functions by themselves, without what they called. Idle time is left out, and the profiler's own. */
export function summariseProfile(profile: Profiler.Profile, top = 15): ProfileSummary {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const groups = new Map<string, number>();
  let busy = 0;
  profile.samples?.forEach((id, index) => {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === '(idle)' || frame.url === 'node:inspector') return;
    const time = profile.timeDeltas?.[index] ?? 0;
    busy += time;
    add(functions, `${frame.functionName || '(anonymous)'} ${place(frame)}`.trim(), time);
    add(groups, groupOf(frame), time);
  });
  const shares = (times: Map<string, number>): ProfileShare[] =>
    [...times]
      .map(([name, time]) => ({ name, share: busy === 0 ? 0 : time / busy }))
      .sort((a, b) => b.share - a.share);
  return { busySeconds: busy / 1e6, functions: shares(functions).slice(0, top), groups: shares(groups) };
}

function add(times: Map<string, number>, name: string, time: number): void {
  times.set(name, (times.get(name) ?? 0) + time);
}

type Frame = Profiler.ProfileNode['callFrame'];

/** The file from its package on, and the line. */
function place({ url, lineNumber }: Frame): string {
  if (url === '') return '';
  const file = url.replace(/^.*\/(?=(packages|tools)\/)/, '').replace(/^.*\/node_modules\//, '');
  return `${file}:${lineNumber + 1}`;
}

const HASHES = /^(oneShotDigest|hash|sha256|verifyDigest)$/;
const MASKS = /^(frame|_mask|mask|applyMask)$/;
const SYSTEM_CALLS = /^(writev|writeBuffer|writeUtf8String|writeLatin1String|readStart)$/;

function groupOf({ url, functionName }: Frame): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (HASHES.test(functionName) || url.includes('internal/crypto/hash')) return 'SHA-256 of payloads';
  if (url.includes('/ws/')) return MASKS.test(functionName) ? 'masking of WebSocket frames' : 'ws';
  if (SYSTEM_CALLS.test(functionName) && url === '') return 'writes to the socket (system calls)';
  const [, owner] = /\/packages\/([\w-]+)\//.exec(url) ?? [];
  if (owner !== undefined) return owner;
  if (url.includes('/tools/bench/')) return 'the bench itself';
  return "Node's streams, buffers and event loop";
}
