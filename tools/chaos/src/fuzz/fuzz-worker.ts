import { parentPort, workerData } from 'node:worker_threads';
import { fuzz } from './fuzz.ts';
import { Slate } from './slate.ts';

const { seconds, seed, targets, memory } = workerData;
const slate = new Slate(memory);
const report = await fuzz({ seconds, seed, targets, running: (target, input) => slate.write(target, input) });
parentPort?.postMessage(report);
