"""What runs once at a deployment: the schema, its two roles, and the word to CloudFormation."""
