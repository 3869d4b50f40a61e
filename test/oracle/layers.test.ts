import { testAgreement } from './agreement.ts';
import { layerCases } from './layer-cases.ts';

testAgreement(layerCases);
