/** Function names of the vectors → what this build computes. What is not here is reported as unsupported. */
import type { Implementations } from './case.ts';
import { aggregationFunctions } from './implementations/aggregation.ts';
import { attackFunctions } from './implementations/attacks.ts';
import { flowerRuleFunctions } from './implementations/flower-rules.ts';
import { keyFunctions } from './implementations/keys.ts';
import { merkleFunctions } from './implementations/merkle.ts';
import { mustNotFunctions } from './implementations/must-not.ts';
import { privacyFunctions } from './implementations/privacy.ts';
import { robustFunctions } from './implementations/robust.ts';

export const implementations: Implementations = {
  ...keyFunctions,
  ...merkleFunctions,
  ...aggregationFunctions,
  ...robustFunctions,
  ...flowerRuleFunctions,
  ...mustNotFunctions,
  ...attackFunctions,
  ...privacyFunctions,
};
