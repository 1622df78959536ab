import { channel } from 'node:diagnostics_channel';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../endpoint/api-error.ts';
import type { Credentials } from '../iam/index.ts';
import { unpack } from '../lambda/deployment-package.ts';
import type { FunctionRecord } from '../lambda/function-record.ts';
import { DeathWatch } from './death-watch.ts';
import { functionEnvironment } from './environment.ts';
import { answerOf, failureType } from './invocation-answer.ts';
import { endLine, initReportLine, reportLine, startLine } from './log-lines.ts';
import type { Outcome } from './sandbox.ts';
import { Sandbox } from './sandbox.ts';

export interface LambdaRunnerOptions {
  readonly region: string;
  /** Unpacked functions go below it; the owner of the folder removes it. */
  readonly workDir: string;
  /** What may be kept for the next run. */
  readonly cacheDir: string;
  readonly clock: () => number;
  readonly endpointUrl: () => string;
  /** Fresh temporary credentials of the execution role. */
  readonly credentials: (record: FunctionRecord) => Credentials;
  /** Names that the VPC resolves, to addresses. */
  readonly hosts: () => Readonly<Record<string, string>>;
  /** Default 10: what a new AWS account may run at once. */
  readonly maxConcurrency?: number;
  /** Free initialisation; a second try counts as part of the invocation. Default 10,000, as on AWS. */
  readonly initLimitMs?: number;
}

export interface InvocationRequest {
  readonly requestId: string;
  readonly invokedArn: string;
  readonly payload: Buffer;
  readonly clientContext: string | undefined;
}

export interface InvocationResult {
  readonly payload: Buffer;
  readonly failed: boolean;
  readonly log: Buffer;
}

export interface LambdaStatistics {
  readonly invocations: number;
  readonly coldStarts: number;
  readonly failures: number;
  readonly byFunction: Readonly<Record<string, number>>;
}

/** Published after each run: `{ functionName, requestId, durationMs, initDurationMs, failed, log }`. */
const invocations = channel('postern:local-cloud:invocation');

/** A function's time limit is 15 minutes at most. */
const longestInvocationMs = 15 * 60_000;

interface Idle {
  readonly sandbox: Sandbox;
  readonly name: string;
  readonly revisionId: string;
}

/** Runs functions: a process per concurrent invocation, reused while the function stays the same. */
export class LambdaRunner {
  readonly #options: LambdaRunnerOptions;
  readonly #deathWatch = new DeathWatch();
  /** With the time until which their credentials are good for one more invocation. */
  readonly #sandboxes = new Map<Sandbox, number>();
  readonly #runs = new Set<Promise<unknown>>();
  readonly #current = new Map<string, string>();
  #idle: Idle[] = [];
  #closed = false;
  #statistics = { invocations: 0, coldStarts: 0, failures: 0, byFunction: {} as Record<string, number> };

  constructor(options: LambdaRunnerOptions) {
    this.#options = options;
  }

  async invoke(record: FunctionRecord, request: InvocationRequest): Promise<InvocationResult> {
    if (this.#closed) throw closing();
    if (this.#runs.size >= this.#maxConcurrency) {
      throw new ApiError('TooManyRequestsException', 429, 'Rate Exceeded.', {
        Reason: 'ConcurrentInvocationLimitExceeded',
      });
    }
    this.#current.set(record.name, record.revisionId);
    const run = this.#run(record, request);
    this.#runs.add(run);
    try {
      const result = await run;
      this.#statistics.invocations += 1;
      this.#statistics.failures += result.failed ? 1 : 0;
      const { byFunction } = this.#statistics;
      byFunction[record.name] = (byFunction[record.name] ?? 0) + 1;
      return result;
    } finally {
      this.#runs.delete(run);
    }
  }

  get #maxConcurrency(): number {
    return this.#options.maxConcurrency ?? 10;
  }

  /** Ends the processes of an older revision; one that is running ends with its invocation. */
  retire(name: string): void {
    this.#current.delete(name);
    for (const { sandbox, name: owner } of this.#idle) if (owner === name) sandbox.kill();
    this.#idle = this.#idle.filter((idle) => idle.name !== name);
  }

  statistics(): LambdaStatistics {
    return { ...this.#statistics, byFunction: { ...this.#statistics.byFunction } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const sandbox of this.#sandboxes.keys()) sandbox.kill();
    await Promise.allSettled(this.#runs);
    await Promise.all([...this.#sandboxes.keys()].map((sandbox) => sandbox.exited));
    this.#deathWatch.close();
  }

  async #run(record: FunctionRecord, request: InvocationRequest): Promise<InvocationResult> {
    const { requestId } = request;
    const run = { log: [] as Buffer[], initMs: undefined as number | undefined };
    const note = (text: string | Buffer): void => void run.log.push(Buffer.from(text));
    const warm = this.#takeIdle(record);
    const sandbox = warm ?? (await this.#start(record));
    let outcome: Outcome = { kind: 'ready' };
    let running = sandbox;
    let startedAt = performance.now();
    if (warm === undefined) {
      outcome = await sandbox.initialise(this.#options.initLimitMs ?? 10_000);
      run.initMs = performance.now() - startedAt;
      note(sandbox.output.take());
      if (outcome.kind !== 'ready') note(initReportLine(run.initMs, 'init', failureType(outcome)));
    }
    note(startLine(requestId));
    startedAt = performance.now();
    if (outcome.kind !== 'ready') {
      // AWS initialises a second time, now within the invocation and its time limit.
      running = await this.#start(record);
      outcome = await running.initialise(record.timeoutS * 1000);
      if (outcome.kind !== 'ready') {
        note(running.output.take());
        note(initReportLine(performance.now() - startedAt, 'invoke', failureType(outcome)));
      }
      sandbox.kill();
      run.initMs = undefined;
    }
    if (outcome.kind === 'ready') {
      startedAt = performance.now();
      outcome = await running.run(request, record.timeoutS * 1000);
    }
    const durationMs = performance.now() - startedAt;
    if (outcome.kind === 'exit') await running.exited;
    note(running.output.take());
    note(endLine(requestId));
    const result = answerOf(outcome, requestId, record.timeoutS);
    note(
      reportLine({
        requestId,
        durationMs: Math.min(durationMs, record.timeoutS * 1000),
        memoryMb: record.memoryMb,
        peakBytes: running.peakBytes,
        initMs: run.initMs,
        status:
          outcome.kind === 'timeout'
            ? 'timeout'
            : outcome.kind === 'exit'
              ? { errorType: 'Runtime.ExitError' }
              : undefined,
      }),
    );
    this.#release(running, record);
    const log = Buffer.concat(run.log);
    const { failed } = result;
    invocations.publish({
      functionName: record.name,
      requestId,
      durationMs,
      initDurationMs: run.initMs,
      failed,
      log: log.toString('utf8'),
    });
    return { ...result, log };
  }

  async #start(record: FunctionRecord): Promise<Sandbox> {
    const { region, workDir, cacheDir, clock } = this.#options;
    this.#statistics.coldStarts += 1;
    const folder = join(
      workDir,
      record.name,
      Buffer.from(record.code.sha256, 'base64').toString('hex').slice(0, 16),
    );
    await mkdir(join(workDir, record.name), { recursive: true, mode: 0o700 });
    await unpack(record.code, folder);
    if (this.#closed) throw closing();
    const credentials = this.#options.credentials(record);
    const sandbox = await Sandbox.start({
      folder,
      memoryMb: record.memoryMb,
      legacy: record.runtime === 'nodejs22.x',
      hosts: this.#options.hosts(),
      environment: functionEnvironment({
        record,
        credentials,
        region,
        folder,
        endpointUrl: this.#options.endpointUrl(),
        nowMs: clock(),
      }),
      deathWatch: this.#deathWatch,
      compileCacheDir: join(cacheDir, 'lambda-runtime'),
    });
    const expiresAtMs = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    this.#sandboxes.set(sandbox, expiresAtMs - longestInvocationMs);
    void sandbox.exited.then(() => {
      this.#sandboxes.delete(sandbox);
      this.#idle = this.#idle.filter((idle) => idle.sandbox !== sandbox);
    });
    if (this.#closed) sandbox.kill();
    return sandbox;
  }

  #takeIdle(record: FunctionRecord): Sandbox | undefined {
    const nowMs = this.#options.clock();
    for (const { sandbox } of this.#idle) if ((this.#sandboxes.get(sandbox) ?? 0) < nowMs) sandbox.kill();
    this.#idle = this.#idle.filter(({ sandbox }) => sandbox.idle);
    const index = this.#idle.findIndex(({ revisionId }) => revisionId === record.revisionId);
    return index < 0 ? undefined : this.#idle.splice(index, 1)[0]?.sandbox;
  }

  #release(sandbox: Sandbox, record: FunctionRecord): void {
    const stale = this.#current.get(record.name) !== record.revisionId;
    if (stale || this.#closed) sandbox.kill();
    else if (sandbox.idle) {
      this.#idle.push({ sandbox, name: record.name, revisionId: record.revisionId });
      // Those who waited longest go first: the next call may start one anew, as on AWS after a while.
      if (this.#idle.length > this.#maxConcurrency) this.#idle.shift()?.sandbox.kill();
    }
  }
}

function closing(): ApiError {
  return new ApiError('ServiceException', 500, 'The local cloud is closing.');
}
