import { conformanceSuite } from './conformance-suite.ts';
import { endpointHarness } from './endpoint-harness.ts';
import { endpointSettings } from './endpoint-variables.ts';

// Run by `main.ts` only, which has looked at the variables before.
const { settings, problems } = { settings: undefined, ...endpointSettings(process.env) };
if (settings === undefined) throw new Error(problems?.join('. '));
conformanceSuite(endpointHarness(settings));
