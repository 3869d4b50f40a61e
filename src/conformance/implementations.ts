/** Function names of the vectors → what this build computes. What is not here is reported as unsupported. */
import type { Implementations } from './case.ts';
import { aggregationFunctions } from './implementations/aggregation.ts';
import { attackFunctions } from './implementations/attacks.ts';
import { flowerRuleFunctions } from './implementations/flower-rules.ts';
import { flowerShareFunctions } from './implementations/flower-shares.ts';
import { groupFunctions } from './implementations/group-must-not.ts';
import { keyFunctions } from './implementations/keys.ts';
import { maskMustNotFunctions } from './implementations/mask-must-not.ts';
import { merkleFunctions } from './implementations/merkle.ts';
import { mlKemFunctions } from './implementations/ml-kem.ts';
import { mustNotFunctions } from './implementations/must-not.ts';
import { privacyFunctions } from './implementations/privacy.ts';
import { replayMustNotFunctions } from './implementations/replay.ts';
import { robustFunctions } from './implementations/robust.ts';
import { secaggFunctions } from './implementations/secagg.ts';
import { slip39Functions } from './implementations/slip39.ts';
import { xwingFunctions } from './implementations/xwing.ts';

export const implementations: Implementations = {
  ...keyFunctions,
  ...mlKemFunctions,
  ...xwingFunctions,
  ...merkleFunctions,
  ...slip39Functions,
  ...aggregationFunctions,
  ...robustFunctions,
  ...flowerRuleFunctions,
  ...flowerShareFunctions,
  ...mustNotFunctions,
  ...maskMustNotFunctions,
  ...groupFunctions,
  ...secaggFunctions,
  ...replayMustNotFunctions,
  ...attackFunctions,
  ...privacyFunctions,
};
