import { parseArgs } from 'node:util';
import { fuzzing } from './fuzzing.ts';
import { life } from './life/life.ts';
import { type Outcome, printOutcome, writeJson } from './outcome.ts';
import { reset } from './reset/reset.ts';
import { soak } from './soak/soak.ts';
import { starts } from './starts.ts';
import { streams } from './streams.ts';

const USAGE = `Usage: npm run chaos -- <name> [--json FILE] [options]

  soak --kind realistic|hard [--bytes N] [--cuts N] [--seed N]
                                bytes each way through cuts and faults; sizes may end in k, M, G (powers of 1,024)
  streams [--count N] [--sequence N]
                                streams at once, then streams one after the other, in one session
  starts [--count N]            tunnel starts in a row, with data racing the handshake
  life                          two hours and a half in virtual time
  fuzz [--seconds N] [--seed N] [--keep-reached]
                                damaged and hostile messages; keep: inputs that reached new code join the corpus
  reset [--rounds N] [--seed N] random tests on random schemas; a reset undoes them or says that it cannot
  all [--quick]                 all of them; quick: small ones

Exit code 1: something was not as promised. 2: wrong usage.`;

/** Wrong usage; the message says of what. */
class UsageError extends Error {}

const OPTIONS = {
  json: { type: 'string' },
  kind: { type: 'string' },
  bytes: { type: 'string' },
  cuts: { type: 'string' },
  seed: { type: 'string' },
  count: { type: 'string' },
  sequence: { type: 'string' },
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  'keep-reached': { type: 'boolean' },
  quick: { type: 'boolean' },
} as const;

type Name = keyof typeof OPTIONS;
type Flag = 'quick' | 'keep-reached';
type Values = Partial<Record<Exclude<Name, Flag>, string>> & Partial<Record<Flag, boolean>>;

interface Command {
  /** Besides `json`. */
  readonly takes: readonly Name[];
  readonly outcomes: (values: Values) => AsyncIterable<Outcome> | Iterable<Promise<Outcome>>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  soak: {
    takes: ['kind', 'bytes', 'cuts', 'seed'],
    outcomes: ({ kind, bytes, cuts, seed }) => {
      if (kind !== 'realistic' && kind !== 'hard') throw new UsageError('--kind must be realistic or hard');
      return [
        soak({
          kind,
          bytes: size('bytes', bytes, kind === 'hard' ? 2 ** 30 : 64 * 2 ** 20),
          cuts: number('cuts', cuts, 30, 0),
          seed: number('seed', seed, 1, 0),
        }),
      ];
    },
  },
  streams: {
    takes: ['count', 'sequence'],
    outcomes: ({ count, sequence }) => [
      streams({ atOnce: number('count', count, 1_000), oneByOne: number('sequence', sequence, 10_000) }),
    ],
  },
  starts: {
    takes: ['count'],
    outcomes: ({ count }) => [starts({ count: number('count', count, 1_000) })],
  },
  life: { takes: [], outcomes: () => [life()] },
  fuzz: {
    takes: ['seconds', 'seed', 'keep-reached'],
    outcomes: ({ seconds, seed, 'keep-reached': keepReached = false }) => [
      fuzzing({
        seconds: number('seconds', seconds, 600),
        ...(seed === undefined ? {} : { seed: number('seed', seed, 0, 0) }),
        keepReached,
      }),
    ],
  },
  reset: {
    takes: ['rounds', 'seed'],
    outcomes: ({ rounds, seed }) => [
      reset({ rounds: number('rounds', rounds, 10_000), seed: number('seed', seed, 1, 0) }),
    ],
  },
  all: { takes: ['quick'], outcomes: ({ quick = false }) => everything(quick) },
};

async function* everything(quick: boolean): AsyncGenerator<Outcome> {
  yield await starts({ count: quick ? 30 : 1_000 });
  yield await streams({ atOnce: quick ? 100 : 1_000, oneByOne: quick ? 200 : 10_000 });
  yield await life();
  yield await reset({ rounds: quick ? 100 : 10_000, seed: 1 });
  yield await fuzzing({ seconds: quick ? 10 : 600 });
  yield await soak({ kind: 'realistic', bytes: (quick ? 2 : 64) * 2 ** 20, cuts: quick ? 4 : 30, seed: 1 });
  yield await soak({ kind: 'hard', bytes: quick ? 16 * 2 ** 20 : 2 ** 30, cuts: quick ? 4 : 30, seed: 1 });
}

/** Runs what the arguments ask for and returns the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let outcomes: ReturnType<Command['outcomes']>;
  let json: string | undefined;
  try {
    const { positionals, values } = parse(args);
    const [name = '', ...more] = positionals;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined || more.length > 0)
      throw new UsageError(`no such run: ${positionals.join(' ')}`);
    for (const given of Object.keys(values) as Name[])
      if (given !== 'json' && !command.takes.includes(given))
        throw new UsageError(`${name} takes no --${given}`);
    json = values.json;
    outcomes = command.outcomes(values);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  const all: Outcome[] = [];
  for await (const outcome of outcomes) {
    printOutcome(outcome);
    all.push(outcome);
    if (json !== undefined) writeJson(json, all);
  }
  return all.every(({ failures }) => failures.length === 0) ? 0 : 1;
}

function parse(args: readonly string[]): { positionals: string[]; values: Values } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function number(name: Name, text: string | undefined, preset: number, least = 1): number {
  const value = text === undefined ? preset : Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`--${name} must be a whole number from ${least} on, not ${text}`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

function size(name: Name, text: string | undefined, preset: number): number {
  const [, digits, unit = ''] = /^(\d+)([kMGmg]?)$/.exec(text ?? String(preset)) ?? [];
  if (digits === undefined) throw new UsageError(`--${name} must be a size such as 65536, 64k, 64M or 1G`);
  return Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
}
