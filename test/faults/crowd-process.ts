import { answerParent, optionsOfChild } from './child.ts';
import { Crowd, type CrowdOptions } from './crowd.ts';

const crowd = new Crowd(optionsOfChild<CrowdOptions>());
process.on('message', (word) => {
  if (word === 'calm') crowd.calm();
  if (word === 'stop') crowd.stop();
});
await answerParent(() => crowd.run());
