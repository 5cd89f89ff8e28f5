import { answerParent, optionsOfChild } from './child.ts';
import { type DriverOptions, drive } from './driver.ts';

await answerParent(drive(optionsOfChild<DriverOptions>()));
