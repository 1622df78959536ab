import { readFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface FileCoverage {
  readonly file: string;
  readonly coveredBlocks: number;
  /** All blocks known: those inside a function are seen only when it runs for the first time. */
  readonly totalBlocks: number;
}

interface ScriptCoverage {
  readonly reached: Uint8Array;
  /** What belongs to a function at all. */
  readonly code: Uint8Array;
  /** Offsets where a block begins or ends: functions, branches, loops. */
  readonly edges: Set<number>;
}

/**
 * Which blocks of some source files ran, from the engine's own counters. Start it before the files are imported:
 * code that was compiled earlier has no block counters.
 */
export class BlockCoverage implements Disposable {
  readonly #session = new Session();
  readonly #wanted: (url: string) => boolean;
  readonly #scripts = new Map<string, ScriptCoverage>();

  constructor(wanted: (url: string) => boolean) {
    this.#wanted = wanted;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Takes in what ran since the last call: the places reached for the first time, as `file:offset`. */
  collect(): string[] {
    const news: string[] = [];
    for (const script of this.#take()) {
      const known = this.#script(script.url);
      const reached = paint(script, known);
      for (let at = 0; at < reached.length; at++) {
        if (reached[at] !== 1 || known.reached[at] === 1) continue;
        if (at === 0 || reached[at - 1] !== 1 || known.reached[at - 1] === 1)
          news.push(`${script.url}:${at}`);
      }
      for (let at = 0; at < reached.length; at++) if (reached[at] === 1) known.reached[at] = 1;
    }
    return news;
  }

  /** Which of those places ran since the last call, known or not. */
  reachedNow(places: ReadonlySet<string>): string[] {
    const found: string[] = [];
    for (const script of this.#take()) {
      const reached = paint(script, this.#script(script.url));
      for (const place of places) {
        const colon = place.lastIndexOf(':');
        if (place.slice(0, colon) === script.url && reached[Number(place.slice(colon + 1))] === 1) {
          found.push(place);
        }
      }
    }
    return found;
  }

  /** Only importing ran so far: what a module does for itself is no achievement. */
  forget(): void {
    this.collect();
    for (const { reached } of this.#scripts.values()) reached.fill(0);
  }

  get files(): FileCoverage[] {
    return [...this.#scripts]
      .map(([url, { reached, code, edges }]) => {
        const starts = [...edges].filter((edge) => code[edge] === 1);
        const path = fileURLToPath(url);
        return {
          file: `${basename(dirname(path))}/${basename(path)}`,
          coveredBlocks: starts.filter((start) => reached[start] === 1).length,
          totalBlocks: starts.length,
        };
      })
      .sort((a, b) => (a.file < b.file ? -1 : 1));
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }

  #take(): Profiler.ScriptCoverage[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    // In the same thread the answer comes before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      scripts = answer.result.filter(({ url }) => this.#wanted(url));
    });
    return scripts;
  }

  #script(url: string): ScriptCoverage {
    const known = this.#scripts.get(url);
    if (known !== undefined) return known;
    const length = readFileSync(fileURLToPath(url), 'utf8').length;
    const script = {
      reached: new Uint8Array(length),
      code: new Uint8Array(length),
      edges: new Set<number>(),
    };
    this.#scripts.set(url, script);
    return script;
  }
}

/** Inner ranges and functions lie over outer ones. The frame of the module itself is left out. */
function paint(script: Profiler.ScriptCoverage, known: ScriptCoverage): Uint8Array {
  const reached = new Uint8Array(known.reached.length);
  const functions = script.functions
    .filter(({ ranges }) => !isModule(ranges[0], reached.length))
    .sort((a, b) => (a.ranges[0]?.startOffset ?? 0) - (b.ranges[0]?.startOffset ?? 0));
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      known.edges.add(startOffset).add(endOffset);
      known.code.fill(1, startOffset, endOffset);
      reached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
  }
  return reached;
}

function isModule(range: Profiler.CoverageRange | undefined, length: number): boolean {
  return range === undefined || (range.startOffset === 0 && range.endOffset >= length);
}
