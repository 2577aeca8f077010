"""The onboarding service: tools, courses and curricula, and who is trained in what."""
