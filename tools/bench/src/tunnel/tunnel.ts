import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect } from './connect.ts';
import { cpu } from './cpu.ts';
import { endpointConnect, endpointLatency } from './endpoint/endpoint-latency.ts';
import { endpointSite } from './endpoint/endpoint-site.ts';
import { endpointThroughput } from './endpoint/endpoint-throughput.ts';
import { latency } from './latency.ts';
import { type BenchResult, record, startReport, writeReport } from './report/report.ts';
import { figure, renderTable } from './report/table.ts';
import { FULL, QUICK, type Settings } from './settings.ts';
import { striping } from './striping.ts';
import { throughput } from './throughput.ts';

type Bench = (settings: Settings) => Promise<BenchResult>;

/** In the order in which they run. */
const TUNNEL_BENCHES: Readonly<Record<string, Bench>> = {
  throughput,
  striping,
  cpu,
  connect,
  latency,
};

const DEFAULT_FILE = join(import.meta.dirname, '../../.cache/tunnel.json');

export const TUNNEL_USAGE: string = `Usage: npm run bench -- tunnel [${Object.keys(TUNNEL_BENCHES).join('|')} …] [options]
  --quick         fewer repetitions of smaller amounts
  --json FILE     where the figures go (default tools/bench/.cache/tunnel.json)
  --profile DIR   writes the CPU profiles of the cpu bench there, as .cpuprofile
  --endpoint      measures throughput, connect and latency against the endpoint, node and echo service of
                  POSTERN_CONFORMANCE_ENDPOINT, _TARGET and _REMOTE (also _REGION, _DOCUMENT)`;

/** Wrong words on the command line, or wrong variables. */
export class UsageError extends Error {}

/** Runs the benches named, or all, prints a table of each and writes all figures to a file. */
export async function tunnel(args: readonly string[]): Promise<void> {
  const { benches, site, settings, quick, file } = plan(args);
  const report = startReport({ quick, site });
  for (const [name, bench] of benches) {
    const { title, head, rows, notes, load, seconds } = await record(report, name, () => bench(settings));
    console.log(`${title}\n\n${renderTable(head, rows)}\n`);
    for (const note of notes) console.log(note);
    const [before, after] = [load.before, load.after].map((averages) => averages.map(figure).join(' '));
    console.log(`Load averages before ${before}, after ${after}; took ${figure(seconds)} s.\n`);
  }
  await writeReport(file, report);
  console.log(`${report.processor}, ${report.cores} cores, Node ${report.node}. Figures: ${file}`);
}

function plan(args: readonly string[]): {
  benches: [string, Bench][];
  site: string;
  settings: Settings;
  quick: boolean;
  file: string;
} {
  const { values, positionals } = readArguments(args);
  const quick = values.quick ?? false;
  const settings = { ...(quick ? QUICK : FULL), profileFolder: values.profile };
  const { known, site } =
    values.endpoint === true ? endpointBenches() : { known: TUNNEL_BENCHES, site: 'simulator' };
  const unknown = positionals.filter((name) => !Object.hasOwn(known, name));
  if (unknown.length > 0) {
    throw new UsageError(
      `There is no bench ${unknown.join(', ')} (known: ${Object.keys(known).join(', ')}).`,
    );
  }
  const chosen = Object.entries(known).filter(
    ([name]) => positionals.length === 0 || positionals.includes(name),
  );
  return { benches: chosen, site, settings, quick, file: values.json ?? DEFAULT_FILE };
}

function readArguments(args: readonly string[]): {
  values: { json?: string; profile?: string; quick?: boolean; endpoint?: boolean };
  positionals: string[];
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        profile: { type: 'string' },
        quick: { type: 'boolean' },
        endpoint: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function endpointBenches(): { known: Readonly<Record<string, Bench>>; site: string } {
  try {
    const site = endpointSite(process.env);
    return {
      site: site.name,
      known: {
        throughput: (settings) => endpointThroughput(site, settings),
        connect: (settings) => endpointConnect(site, settings),
        latency: (settings) => endpointLatency(site, settings),
      },
    };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
