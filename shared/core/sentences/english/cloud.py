"""What the project is on Google Cloud, and what is to be done about it."""

SENTENCES = {
    "cloud.head": "{project} in {region}, stage {stage}: {counts}",
    "cloud.count.create": "{count} to make",
    "cloud.count.change": "{count} to change",
    "cloud.count.waits": "{count} waiting",
    "cloud.count.stuck": "{count} that cannot be changed",
    "cloud.count.nothing": "{count} as it should be",
    "cloud.step.create": "  +  {kind} {name}",
    "cloud.step.change": "  ~  {kind} {name}",
    "cloud.waits": "  …  {kind} {name}, until {until}",
    "cloud.step.stuck": "  !  {kind} {name}",
    "cloud.remedy": "       {remedy}",
    "cloud.difference": "       {path} is {found}, should be {wanted}",
    "cloud.deployed": "the function {name} is deployed",
    "cloud.until.billing": "billing is linked in the browser",
    "cloud.until.repository": "the repository is connected in the browser",
    "cloud.until.channel": "the channel that mails is there",
    "cloud.until.email": "--email says whom to mail",
    "cloud.until.number": "the APIs are enabled",
    "cloud.browser.billing": (
        "Link billing in the browser, then run this again:"
        " https://console.cloud.google.com/billing/linkedaccount?project={project}"
    ),
    "cloud.browser.repository": (
        "Connect the repository in the browser (connection {connection}, repository {repository},"
        " region {region}), then run this again:"
        " https://console.cloud.google.com/cloud-build/repositories/2nd-gen?project={project}"
    ),
    "cloud.stuck.bucket": "copy what is needed, delete the bucket, and run setup again",
    "cloud.stuck.channel": "delete the channel, and run setup again",
    "cloud.stuck.database": (
        "a database stays where and what it is: set up another project, and hand the bot over by"
        " `scripts/bot move`"
    ),
    "cloud.stuck.images": "delete the repository, and run setup and a deployment again",
    "cloud.stuck.metric": "delete the metric, and run setup again",
    "cloud.stuck.secret": "delete the secret, and run setup again: it asks for the value",
    "cloud.stuck.subscription": "delete the subscription, and run setup again",
    "cloud.pinned": "The traffic of {service} is pinned: {shares}; the newest is {newest}.",
    "cloud.empty": "Everything is as it should be.",
    "cloud.ask": "Do this?",
    "cloud.done": "done: {kind} {name}",
    "cloud.failed": "failed: {kind} {name}: {why}",
    "cloud.again": "Run the same command again: it goes on where it ended.",
    "cloud.value.ask": "The value of {secret}",
    "cloud.value.ask_or_make": "The value of {secret} (empty: a new one is made)",
    "cloud.value.made": "A new signing key was made. Set BOT_BUNDLE_PUBLIC_KEY={public}",
    "cloud.teardown.head": "{project}: {count} to take away",
    "cloud.teardown.goes": "  -  {kind} {name}",
    "cloud.teardown.gone": "gone: {kind} {name}",
    "cloud.teardown.exported": "Exported to {folder}: {counts}.",
    "cloud.teardown.done": "What was to go is gone.",
}
