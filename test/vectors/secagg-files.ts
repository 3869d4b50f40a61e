/** The files of test/vectors/secagg as this build makes them. */
import { secaggFunctions } from '../../src/conformance/implementations/secagg.ts';
import { transcriptParts } from '../../src/conformance/implementations/transcript.ts';
import { dealInput, sessionInputs } from './secagg-inputs.ts';

/** Texts by the names of the files. */
export async function secaggFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { name, about, input } of sessionInputs()) {
    const expected: Record<string, unknown> = {};
    for (const part of transcriptParts) expected[part] = await answer(`secagg/${part}`, input);
    files.set(`${name}.json`, textOf({ format: 'parley/v1/secagg-session', about, input, expected }));
  }
  const input = dealInput();
  const about = 'Nine clients, three of them coin parties, dealt into two groups.';
  const expected = await answer('secagg/deal', input);
  return files.set('deal-two-groups.json', textOf({ format: 'parley/v1/secagg-deal', about, input, expected }));
}

function textOf(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

async function answer(fn: string, input: object): Promise<unknown> {
  return secaggFunctions[fn].run(input as Readonly<Record<string, unknown>>);
}
