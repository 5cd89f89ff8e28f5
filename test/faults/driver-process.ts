import { answerParent, optionsOfChild } from './child.ts';
import { type DriverOptions, drive } from './driver.ts';

let isOver = false;
process.on('message', (word) => {
  isOver ||= word === 'over';
});
await answerParent(() => drive(optionsOfChild<DriverOptions>(), () => isOver));
