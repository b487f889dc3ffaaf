export { describeRegularizerContract, regularizerContract, type TestFramework } from './contract.ts';
export { ContractViolation } from './contract-violation.ts';
export type { ContractCheck, ContractOptions, SampleModel } from './subject.ts';
