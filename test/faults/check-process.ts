import { type CheckOptions, check } from './check.ts';
import { answerParent, optionsOfChild } from './child.ts';

await answerParent(() => check(optionsOfChild<CheckOptions>()));
