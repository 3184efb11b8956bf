// A queue, a function that reads it, and alarms on both, from the order system's components.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import * as orders from "@pulumi/serverless-orders";

const timeoutSeconds = 20;
const config = new pulumi.Config();
const provider = new aws.Provider("aws", { region: config.require("region") as aws.Region });
const inRegion = { providers: { aws: provider } };

const letters = new orders.Queue(
  "letters",
  { visibilityTimeoutSeconds: 6 * timeoutSeconds, maxReceiveCount: 5 },
  inRegion,
);
const reader = new orders.PythonFunction(
  "letters-reader",
  {
    code: new pulumi.asset.FileArchive("./function"),
    handler: "main.handler",
    timeoutSeconds: timeoutSeconds,
    memorySize: 256,
    sources: { queue: { arn: letters.arn, batchSize: 5, maximumConcurrency: 2 } },
  },
  inRegion,
);
const watch = new orders.Observability(
  "letters",
  {
    functions: [{ label: "reader", name: reader.name, timeoutSeconds: timeoutSeconds }],
    queues: [{ label: "letters", name: letters.name, dlqName: letters.dlqName }],
  },
  inRegion,
);

export const queueUrl = letters.url;
export const dashboardUrl = watch.dashboardUrl;
