// The client as it was bundled for browsers, in what a browser has: fetch and WebSocket.
const { createAssessmentClient } = await import(process.env.BUNDLE);
const client = createAssessmentClient({ url: process.env.API_URL });
const { assessment } = await client.createAssessment({ type: 'HEALTH' });
const { assessmentId } = assessment;
const kinds = [];
for await (const { kind } of client.watch(assessmentId)) {
  kinds.push(kind);
  if (kinds.length === 1) await client.cancelAssessment({ assessmentId });
}
console.log(kinds.join(' '));
await client.close();
