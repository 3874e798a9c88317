"""The caller's wire: Twilio webhooks, TwiML and Media Streams. The only package that imports `twilio`."""
