import type { Context } from '../context.ts';
import type { Assessment, Page } from '../store/index.ts';
import { optionsOf } from '../store/index.ts';

export const options = async ({ id }: Assessment, _: unknown, { loaders }: Context) => optionsOf(await loaders.request.load(id));

export const requestData = ({ id }: Assessment, _: unknown, { loaders }: Context) => loaders.request.load(id);

export const resultData = ({ id, state }: Assessment, _: unknown, { loaders }: Context) =>
  state === 'COMPLETED' ? loaders.result.load(id) : null;

export const auditTrail = (assessment: Assessment, page: Page, { loaders }: Context) => loaders.auditTrail(assessment, page);
