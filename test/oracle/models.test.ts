import { testAgreement } from './agreement.ts';
import { modelCases } from './model-cases.ts';

testAgreement(modelCases);
